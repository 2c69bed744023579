// The PROXY protocol's header: what a proxy that only passes bytes says about its client before
// them. Source: haproxy.org/download/2.8/doc/proxy-protocol.txt, versions 1 and 2. Pure: bytes in,
// values out.
#pragma once

#include "base/ip_endpoint.hpp"

#include <cstddef>
#include <string_view>

namespace postern::edge {

/// The longest header that is read, from its first byte to its last: the protocol's own bound for
/// version 1; for version 2, which may carry a client's certificate's names, as much as in nginx.
inline constexpr std::size_t proxy_header_v1_bytes_max = 107;
inline constexpr std::size_t proxy_header_bytes_max = 4096;

struct proxy_header {
    enum class kind {
        address, // `source` is the client
        unknown, // a client without an address of TCP (v1 UNKNOWN; v2 UNSPEC, UDP, a local socket)
        local,   // the proxy speaks for itself, such as in a health check (v2 LOCAL)
    };
    enum kind kind = kind::unknown;
    base::ip_endpoint source;
    std::size_t bytes = 0; // of the header: what follows is the client's
};

enum class proxy_header_state { more, done, bad };
struct proxy_header_outcome {
    proxy_header_state state = proxy_header_state::more;
    const char* reason = ""; // of bad
};

/// Reads a header off the start of `bytes`. more: all of `bytes` may be a header's start, and is
/// shorter than proxy_header_bytes_max. bad: no header can begin like this, whatever follows; `out`
/// is then of no use. Refused besides what is malformed: families that the protocol does not know,
/// 0.0.0.0 and :: as the client, a CRC32c that is there and wrong.
[[nodiscard]] proxy_header_outcome read_proxy_header(std::string_view bytes, proxy_header& out);

} // namespace postern::edge
