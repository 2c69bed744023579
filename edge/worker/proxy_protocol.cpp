#include "edge/worker/proxy_protocol.hpp"

#include "edge/net/proxy_header.hpp"

#include <algorithm>
#include <span>

namespace postern::edge {
namespace {

bool refuse(services& worker, const connection_peer& peer, const char* reason) {
    worker.table.count(cache::counter::proxy_headers_refused);
    worker.log.info("connection from {} closed: {}", peer.text, reason);
    return false;
}

void name(connection_peer& peer, const proxy_header& header,
          const std::vector<base::ip_network>& trusted) {
    if (header.kind == proxy_header::kind::local)
        return;
    if (header.kind == proxy_header::kind::address) {
        peer.address = header.source.address;
        peer.text = peer.address.text();
        peer.trusted = base::is_in(trusted, peer.address);
    } else {
        peer.trusted = false;
    }
}

} // namespace

task<bool> take_proxy_header(services& worker, tcp_stream& from, connection_peer& peer) {
    if (!peer.trusted)
        co_return refuse(worker, peer, "it is none of trusted_proxies");
    // Looked at first and then taken to its end: what follows belongs to whoever reads next.
    const std::span<char> bytes = worker.scratch.first(proxy_header_bytes_max);
    std::size_t here = 0;
    const auto deadline = std::chrono::steady_clock::now() + worker.conf.timeouts.client_header;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        const read_result got =
            co_await from.peek_more(bytes, here, std::max(left, std::chrono::milliseconds{1}));
        if (got.error) {
            const bool late = from.timed_out();
            co_return refuse(worker, peer,
                             late ? "its PROXY header did not come in time"
                                  : "it ended within its PROXY header");
        }
        here = got.bytes;
        proxy_header header;
        const proxy_header_outcome read = read_proxy_header({bytes.data(), here}, header);
        if (read.state == proxy_header_state::bad)
            co_return refuse(worker, peer, read.reason);
        if (read.state == proxy_header_state::more)
            continue;
        if (!from.skip_peeked(bytes.first(header.bytes)))
            co_return refuse(worker, peer, "its PROXY header was gone when it was read");
        name(peer, header, worker.conf.trusted_proxies);
        co_return true;
    }
}

} // namespace postern::edge
