// Numbers that every process keeps in the mapped file, one block a process slot, so that control
// can show them all and none is lost when a process dies.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::cache {

/// X-macro: name, Prometheus help. Append only: the order is part of the layout (LAYOUT.md,
/// "Counters"). NAME__LABEL__VALUE is NAME with a label; the first one's help is all of theirs,
/// wherever the others stand.
#define POSTERN_COUNTERS(X)                                                                        \
    X(connections_accepted, "Client connections accepted")                                         \
    X(connections_closed, "Client connections closed")                                             \
    X(connections_refused, "Client connections refused at worker_connections")                     \
    X(requests, "Requests answered, of any kind")                                                  \
    X(requests_bad, "Requests refused as malformed (4xx by the head reader)")                      \
    X(decisions_proxy, "Requests proxied to a session's target")                                   \
    X(decisions_tunnel, "WebSocket tunnels to a session's target")                                 \
    X(decisions_loading, "Loading pages")                                                          \
    X(decisions_resume, "Resume pages")                                                            \
    X(decisions_failed, "Pages for failed sessions")                                               \
    X(decisions_reconnecting, "Reconnecting pages and answers")                                    \
    X(decisions_not_found, "Unknown or expired sessions")                                          \
    X(decisions_static, "Answers from the static origin")                                          \
    X(decisions_fixed, "Fixed answers and redirects")                                              \
    X(decisions_upstream, "Requests proxied to a fixed upstream or to control")                    \
    X(holds, "Requests held for a session that starts")                                            \
    X(holds_timed_out, "Held requests whose session was not ready within hold_timeout")            \
    X(holds_refused, "Requests not held because holds_max was reached")                            \
    X(wakes, "Sessions woken from a resume or error page")                                         \
    X(route_keys_refused, "Route keys that were empty or longer than 255 bytes")                   \
    X(targets_refused, "Targets outside allow_targets")                                            \
    X(upstream_connects, "Connections opened to targets and upstreams")                            \
    X(upstream_reuses, "Requests sent on a kept-alive upstream connection")                        \
    X(upstream_connect_errors, "Targets and upstreams that refused or did not answer a connect")   \
    X(upstream_errors, "Upstream answers that were broken, late or cut short")                     \
    X(upstream_retries, "Requests sent again on another connection")                               \
    X(timeouts_header, "Clients too slow with a request head")                                     \
    X(timeouts_body, "Clients too slow with a request body")                                       \
    X(timeouts_send, "Clients too slow to take an answer")                                         \
    X(body_too_large, "Request bodies past client_max_body_size")                                  \
    X(head_too_large, "Request heads past client_header_size")                                     \
    X(hmr_base_missing, "Answers to /@vite/client without the expression to patch")                \
    X(sockets_opened, "WebSocket tunnels opened")                                                  \
    X(sockets_closed, "WebSocket tunnels closed")                                                  \
    X(bytes_in, "Bytes received from clients")                                                     \
    X(bytes_out, "Bytes sent to clients")                                                          \
    X(table_full, "Sessions refused because the table was full")                                   \
    X(table_slots_bad, "Slots whose checksum was wrong, read as absent")                           \
    X(sync_applied, "Changes applied to the table")                                                \
    X(sync_skipped, "Store items that could not be used")                                          \
    X(sync_errors, "Store errors seen by sync")                                                    \
    X(sync_snapshots, "Full snapshots of the store")                                               \
    X(activity_written, "Sessions whose activity was written to the store")                        \
    X(access_log_lost, "Access log lines that could not be written")                               \
    X(table_texts_refused, "Sessions refused because key and session id do not fit into one slot") \
    X(table_damages, "Times that sync found the session table damaged and put it right")           \
    X(proxy_headers_refused, "Connections closed for want of a good PROXY header")                 \
    X(client_connections_limited, "Connections refused over client_connections")                   \
    X(client_requests_limited, "Requests refused over client_request_rate")                        \
    X(client_bytes_limited, "Requests refused over client_byte_rate")                              \
    X(session_requests_limited, "Requests refused over session_request_rate")                      \
    X(session_bytes_limited, "Requests refused over session_byte_rate")                            \
    X(bytes_slowed, "Times that a body or a tunnel had to wait for a byte rate")                   \
    X(limit_entries_replaced, "Clients and sessions forgotten by limits for want of room")         \
    X(access_links_opened, "Links to sessions whose token was exchanged for a cookie")             \
    X(access_refused, "Requests answered 403 and WebSockets ended, as access did not let them in") \
    X(min_rate_body, "Request bodies that came slower than client_min_rate")                       \
    X(min_rate_send, "Answers that were taken slower than client_min_rate")                        \
    X(tls_handshakes, "TLS handshakes done")                                                       \
    X(tls_resumed, "TLS handshakes that took up an earlier session")                               \
    X(tls_handshakes_failed, "TLS handshakes that failed")                                         \
    X(timeouts_handshake, "Clients too slow with the TLS handshake")                               \
    X(tls_plain_http, "Plain HTTP requests at a TLS port")                                         \
    X(tls_misdirected, "Requests for a host with another certificate than the connection has")     \
    X(http2_connections, "Client connections that spoke HTTP/2")                                   \
    X(http2_resets, "HTTP/2 streams reset by their clients")                                       \
    X(http2_streams_refused, "HTTP/2 streams refused at http2_max_concurrent_streams")             \
    X(http2_floods, "HTTP/2 connections ended at http2_resets or http2_control_frames")            \
    X(decisions_stale, "Requests for sessions while the table was older than stale_after allows")  \
    X(look_throughs, "Requests held while their session was looked for in the store")              \
    X(look_throughs_timed_out, "Held requests whose session nobody had looked for in time")        \
    X(look_throughs_refused, "Requests for unknown sessions that were not looked for at once")     \
    X(look_through_reads, "Unknown sessions that sync has asked the store for")                    \
    X(look_through_found, "Of those, sessions that were there")                                    \
    X(look_through_absent, "Of those, sessions that were not there")                               \
    X(look_through_errors, "Of those, reads that failed")                                          \
    X(look_through_keys_refused, "Unknown sessions that sync did not ask the store for")           \
    X(feed_calls__feed__sessions, "Calls to a store elsewhere that follow it")                     \
    X(feed_calls__feed__containers, "")                                                            \
    X(feed_records__feed__sessions, "Records read from a store's change stream")                   \
    X(feed_records__feed__containers, "")                                                          \
    X(feed_snapshots__feed__sessions, "Whole readings of a store elsewhere that began")            \
    X(feed_snapshots__feed__containers, "")                                                        \
    X(feed_rows_scanned__feed__sessions, "Items read by whole readings of a store elsewhere")      \
    X(feed_rows_scanned__feed__containers, "")                                                     \
    X(feed_rows_removed__feed__sessions, "Items found gone at the end of a whole reading")         \
    X(feed_rows_removed__feed__containers, "")                                                     \
    X(feed_throttled__feed__sessions, "Times that a feed was asked to slow down, and waited")      \
    X(feed_throttled__feed__containers, "")                                                        \
    X(feed_gaps__feed__sessions, "Gaps in a change stream, each bridged by a whole reading")       \
    X(feed_gaps__feed__containers, "")                                                             \
    X(feed_skipped__feed__sessions, "Records of a change stream that could not be used")           \
    X(feed_skipped__feed__containers, "")                                                          \
    X(feed_errors__feed__sessions, "Calls of a feed that failed for another reason")               \
    X(feed_errors__feed__containers, "")                                                           \
    X(aws_calls__result__ok, "Calls to AWS that were done, by how they ended")                     \
    X(aws_calls__result__failed, "")                                                               \
    X(aws_retries, "Requests to AWS that were sent again after a wait")                            \
    X(aws_throttled, "Requests to AWS that were answered by a wish to slow down")                  \
    X(store_write_units__for__activity, "DynamoDB write units that writes have consumed")          \
    X(store_write_units__for__writes, "")                                                          \
    X(aws_calls__result__condition, "")                                                            \
    X(look_through_keys_late, "Unknown sessions that nobody waited for any more at their turn")    \
    X(tunnels_ended, "WebSocket tunnels closed because their session was gone")                    \
    X(feeder_leases__feed__sessions, "Leases that this host took, to feed Redis for the others")   \
    X(feeder_leases__feed__containers, "")                                                         \
    X(feeder_leases_ended__feed__sessions, "Of those, leases that it has let go or lost")          \
    X(feeder_leases_ended__feed__containers, "")                                                   \
    X(feeder_published__feed__sessions, "Changes that this host has published in Redis")           \
    X(feeder_published__feed__containers, "")                                                      \
    X(feeder_passed_over__feed__sessions, "Records not published: only activity differed")         \
    X(feeder_passed_over__feed__containers, "")                                                    \
    X(feeder_snapshots__feed__sessions, "Whole readings that this host has published in Redis")    \
    X(feeder_snapshots__feed__containers, "")                                                      \
    X(feeder_gave_way__feed__sessions, "Leases let go for another host: the table was unreadable") \
    X(feeder_gave_way__feed__containers, "")

enum class counter : std::uint32_t {
#define POSTERN_COUNTER_NAME(name, help) name,
    POSTERN_COUNTERS(POSTERN_COUNTER_NAME)
#undef POSTERN_COUNTER_NAME
        count_
};

inline constexpr std::size_t counters_count = static_cast<std::size_t>(counter::count_);
inline constexpr std::size_t counters_max = 128; // what the layout keeps room for
static_assert(counters_count <= counters_max);

struct counter_info {
    std::string_view name;
    std::string_view help;
};

inline constexpr std::array<counter_info, counters_count> counter_infos{{
#define POSTERN_COUNTER_INFO(name, help) {#name, help},
    POSTERN_COUNTERS(POSTERN_COUNTER_INFO)
#undef POSTERN_COUNTER_INFO
}};

} // namespace postern::cache
