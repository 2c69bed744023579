// The conf parser: whatever the bytes, settings or one line of complaint.
#include "edge/settings/settings_loader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text{reinterpret_cast<const char*>(data), size};
    const auto parsed = postern::edge::parse_settings(text, "/nonexistent/postern.conf");
    if (!parsed) {
        const std::string line = parsed.error().text();
        // One line of ASCII, or a terminal and a log could be made to lie.
        for (const char c : line)
            if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
                std::abort();
    }
    return 0;
}
