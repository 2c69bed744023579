// Whatever bytes stand for a PROXY header: the same outcome however they come in, nothing read
// beyond it, and never a wait for more than its bound.
#include "base/check.hpp"
#include "edge/net/proxy_header.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace postern::edge;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    proxy_header whole;
    const proxy_header_outcome outcome = read_proxy_header(bytes, whole);
    POSTERN_CHECK(outcome.state != proxy_header_state::more || size < proxy_header_bytes_max);
    if (outcome.state == proxy_header_state::done) {
        POSTERN_CHECK(whole.bytes > 0 && whole.bytes <= size);
        POSTERN_CHECK(whole.bytes <= proxy_header_bytes_max);
        POSTERN_CHECK((whole.kind == proxy_header::kind::address) ==
                      !whole.source.address.is_none());
    }
    // Byte by byte: more, until it is decided; and what is decided stays.
    bool decided = false;
    for (std::size_t n = 0; n <= size; ++n) {
        proxy_header part;
        const proxy_header_outcome now = read_proxy_header(bytes.substr(0, n), part);
        if (decided)
            POSTERN_CHECK(now.state == outcome.state);
        if (now.state == proxy_header_state::more)
            continue;
        POSTERN_CHECK(now.state == outcome.state);
        if (now.state == proxy_header_state::done)
            POSTERN_CHECK(part.bytes == whole.bytes && part.source == whole.source &&
                          part.kind == whole.kind && n >= part.bytes);
        decided = true;
    }
    return 0;
}
