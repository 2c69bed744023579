// One request on its way through a worker, and what the worker lends to it. The steps that work on
// it stand in serve.cpp, in order.
#pragma once

#include "base/access_token.hpp"
#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "cache/session_reader.hpp"
#include "edge/http/request_head.hpp"
#include "edge/http/response_head.hpp"
#include "edge/limits/limiter.hpp"
#include "edge/net/buffers.hpp"
#include "edge/net/pipe_pool.hpp"
#include "edge/net/stream.hpp"
#include "edge/net/upstream_pool.hpp"
#include "edge/pages/pages.hpp"
#include "edge/request/access_pass.hpp"
#include "edge/request/decide.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/open_tunnels.hpp"
#include "edge/request/record.hpp"
#include "edge/request/session_key.hpp"
#include "edge/request/waiting_room.hpp"
#include "edge/settings/settings.hpp"
#include "edge/static/root_folders.hpp"
#include "edge/tls/tls_stream.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace postern::edge {

/// A request at its session's target, listed so that the worker can say every second that the
/// session is in use: a long upload or answer is no idleness.
struct request_in_flight
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit request_in_flight(const cache::activity_ref& of) : activity{of} {}
    cache::activity_ref activity;
};
using requests_in_flight =
    boost::intrusive::list<request_in_flight, boost::intrusive::constant_time_size<false>>;

/// A connection between two requests: what a drain ends first.
struct idle_connection
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit idle_connection(stream& of) : client{of} {}
    stream& client;
};
using idle_connections =
    boost::intrusive::list<idle_connection, boost::intrusive::constant_time_size<false>>;

/// Who speaks to us on a connection: the socket's peer, or whom its PROXY header names.
struct connection_peer {
    base::ip_address address;
    std::string text;
    bool trusted = false; // inside trusted_proxies: what it says about its clients is believed
};

/// How long a kept-alive connection may still send a request once its worker is to end: one that is
/// on its way is answered, and told that it was the last.
inline constexpr std::chrono::seconds last_request_grace{1};

/// What a worker has one of. Outlives every exchange.
struct services {
    event_loop& loop;
    const settings& conf;
    const base::clock& time;
    base::log& log;
    cache::session_reader& table;
    block_pool& blocks;
    std::span<char> scratch; // block_pool::block_bytes; anyone's, up to the next await
    response_head& answer;   // the head just read from an upstream; anyone's, as scratch is
    pipe_pool& pipes;
    upstream_pool& upstreams;
    waiting_room& waiting;
    location_index& index;
    access_log* access = nullptr; // none: off
    std::string control_token;
    base::access_keys access_keys = {}; // none: no location has links
    page_sets pages;                    // of locations with pages of their own
    page_set built_in_pages;
    open_tunnels tunnels;
    tunnels_sweep swept = {};
    requests_in_flight in_flight;
    idle_connections idle;
    root_folders static_roots = {};
    bool draining = false;              // finish what is open, keep nothing alive
    limiter* rates = nullptr;           // none: requests and bytes are not limited
    limiter* admission = nullptr;       // none: connections of a client are not limited
    const tls_listeners* tls = nullptr; // none: no listener speaks TLS
    /// Sync's bell; none: sessions that the table does not have are not asked for.
    const base::doorbell* asked = nullptr;

    [[nodiscard]] const page_set& pages_of(const location_settings* location) const {
        const auto found = pages.find(location);
        return found == pages.end() ? built_in_pages : found->second;
    }
};

/// Reused from request to request on one connection, so that its strings stop allocating.
struct exchange {
    exchange(services& lent, stream& to, input_buffer& read, const connection_peer& from,
             std::size_t listener_index);

    services& worker;
    stream& client;
    input_buffer& input; // starts with this request's head until the exchange is over
    const connection_peer& peer;
    std::string_view client_address; // the client's: the peer's, or whom the peer speaks for
    std::size_t listener;
    const tls_stream* tls = nullptr; // the client's connection, where it is one with TLS
    bool http2 = false; // `client` is a stream of HTTP/2: bodies come and go as they are, unframed

    input_buffer
        body_input; // with body_taken: what was read behind the head, the next request first
    request_head head;
    located where;
    session_key key;
    access_pass access;
    cache::route route; // as of the last look-up
    bool has_route = false;
    request_kind kind = request_kind::fetch;
    decision verdict;

    // how the connection goes on
    bool close_after = false; // no further request on this connection
    bool may_send_on = false; // the client may still be sending: the connection ends gently
    bool body_taken = false;  // the body was read by way of body_input
    bool answered = false;    // the answer's head has gone out: no other answer can follow
    bool cut_short = false;   // the answer is not whole: the connection must end with a reset

    // what is recorded
    unsigned status = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::string_view decision_name; // a literal

    // limits; owners: none of them is limited without services::rates
    byte_owners owners;
    std::uint64_t bytes_counted = 0; // of bytes_sent and bytes_received
    bool paced = false;              // bytes are limited: whoever moves them keeps their pace
    bool slowed = false;             // and had to wait

    base::ip_endpoint upstream; // none: no upstream was asked

    std::string out;          // scratch for heads
    std::string local_origin; // scratch: "http://localhost:4321" of the target
    /// The client that the peer named last; none: it never spoke for anyone.
    struct named_client {
        base::ip_address address;
        std::string text;
    };
    std::unique_ptr<named_client> behind_peer;

    [[nodiscard]] const location_settings& location() const noexcept { return *where.location; }

    /// Where what the session does is counted.
    [[nodiscard]] cache::activity_ref activity() const noexcept {
        return has_route ? route.activity : cache::activity_ref{};
    }
    void count(cache::counter which, std::uint64_t by = 1) const noexcept {
        worker.table.count(which, by);
    }
    /// The client did not take all of its answer: gone, or too slow.
    void note_send_failure();
    /// `upstream` as text, worked out once for a run of requests to the same one.
    [[nodiscard]] const std::string& upstream_text();
    /// Ready for the next request; keeps memory, but not what only a large head needed: the
    /// connection may be idle for long.
    void reset();

  private:
    limit_key peer_key_ = no_limit_key;
    base::ip_endpoint named_upstream_;
    std::string upstream_name_;
};

} // namespace postern::edge
