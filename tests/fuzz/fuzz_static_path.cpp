// Any bytes as the path of a static file: what is accepted keeps static_path's invariant, and its
// canonical form is final.
#include "base/check.hpp"
#include "edge/http/media_types.hpp"
#include "edge/static/static_path.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

bool keeps_invariant(std::string_view file) {
    for (std::size_t start = 0; !file.empty() && start <= file.size();) {
        const std::size_t end = std::min(file.find('/', start), file.size());
        const std::string_view segment = file.substr(start, end - start);
        if (segment.empty() || segment == "." || segment == "..")
            return false;
        start = end + 1;
    }
    for (const char c : file) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || byte == '\\')
            return false;
    }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view raw{reinterpret_cast<const char*>(data), size};
    const auto path = postern::edge::static_path_of(raw);
    if (!path)
        return 0;
    POSTERN_CHECK(keeps_invariant(path->file));
    POSTERN_CHECK(path->canonical.starts_with('/') && !path->canonical.starts_with("//"));
    const auto again = postern::edge::static_path_of(path->canonical);
    POSTERN_CHECK(again && !again->is_renamed && again->file == path->file);
    POSTERN_CHECK(again->canonical == path->canonical);
    POSTERN_CHECK(!postern::edge::media_type_of(path->file).empty());
    return 0;
}
