#include "edge/worker/shake_hands.hpp"

#include "edge/request/conclude.hpp"

namespace postern::edge {
namespace {

/// In nginx's words.
task<void> refuse_plain_http(services& worker, tls_stream& client) {
    constexpr std::string_view answer =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 46\r\nConnection: close\r\n\r\n"
        "The plain HTTP request was sent to HTTPS port\n";
    client.answer_in_the_clear(answer);
    co_await linger(client, worker.scratch, std::chrono::seconds{1});
}

} // namespace

task<bool> shake_hands(services& worker, tls_stream& client, const std::string& client_address) {
    const handshake outcome = co_await client.shake_hands(worker.conf.timeouts.handshake);
    const auto count = [&](cache::counter which) { worker.table.count(which); };
    switch (outcome) {
    case handshake::resumed:
        count(cache::counter::tls_resumed);
        [[fallthrough]];
    case handshake::done:
        count(cache::counter::tls_handshakes);
        co_return true;
    case handshake::plain_http:
        count(cache::counter::tls_plain_http);
        co_await refuse_plain_http(worker, client);
        break;
    case handshake::late:
        count(cache::counter::timeouts_handshake);
        worker.log.info("TLS handshake with {}: not done in time", client_address);
        break;
    case handshake::failed:
        count(cache::counter::tls_handshakes_failed);
        worker.log.info("TLS handshake with {}: {}", client_address, client.failure());
        break;
    case handshake::nothing: // a check that the port is open, or a connection kept in reserve
    case handshake::cancelled:
        break;
    }
    co_return false;
}

} // namespace postern::edge
