#include "edge/request/exchange.hpp"

namespace postern::edge {
namespace {

/// Of heads, from request to request: browsers' are shorter.
constexpr std::size_t kept_bytes_max = 4UL * 1024;
constexpr std::size_t kept_fields_max = 48;

} // namespace

void exchange::note_send_failure() {
    close_after = cut_short = true;
    if (client.timed_out())
        count(client.took_too_slowly() ? cache::counter::min_rate_send
                                       : cache::counter::timeouts_send);
}

exchange::exchange(services& lent, stream& to, input_buffer& read, const connection_peer& from,
                   std::size_t listener_index)
    : worker{lent}, client{to}, input{read}, peer{from},
      client_address{from.text}, listener{listener_index} {
    if (worker.rates != nullptr && !peer.trusted)
        peer_key_ = worker.rates->client_key(peer.address);
}

const std::string& exchange::upstream_text() {
    if (upstream != named_upstream_) {
        named_upstream_ = upstream;
        upstream_name_ = upstream.port == 0 ? std::string{} : upstream.text();
    }
    return upstream_name_;
}

void exchange::reset() {
    head.clear();
    key.clear();
    access.clear();
    has_route = false;
    verdict = {};
    may_send_on = body_taken = answered = cut_short = false;
    status = 0;
    bytes_sent = bytes_received = 0;
    decision_name = {};
    client_address = peer.text;
    owners = {peer_key_, no_limit_key};
    bytes_counted = 0;
    paced = slowed = false;
    upstream = {};
    out.clear();
    input.release_beyond(kept_bytes_max);
    if (out.capacity() > kept_bytes_max)
        std::string{}.swap(out);
    if (head.fields.capacity() > kept_fields_max)
        field_list{}.swap(head.fields);
}

} // namespace postern::edge
