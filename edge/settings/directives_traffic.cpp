// Directives about connections: whom postern talks to, how long it waits, how much it takes.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

constexpr directive time_limit(std::string_view name, std::string_view standard,
                               std::string_view line, std::string_view example,
                               std::string_view more = {}) {
    return {.name = name,
            .contexts = context::main,
            .arguments = "TIME",
            .words_min = 1,
            .words_max = 1,
            .standard = standard,
            .line = line,
            .more = more,
            .example = example};
}

constexpr directive size_limit(std::string_view name, std::string_view arguments,
                               std::string_view standard, std::string_view line,
                               std::string_view example, std::string_view more = {}) {
    directive made = time_limit(name, standard, line, example, more);
    made.arguments = arguments;
    return made;
}

constexpr directive rate_limit_of(std::string_view name, std::string_view arguments,
                                  std::string_view line, std::string_view example,
                                  std::string_view more) {
    directive made = time_limit(name, "off", line, example, more);
    made.arguments = arguments;
    made.words_max = 2;
    return made;
}

const directive table[] = {
    {.name = "access_key_file",
     .contexts = context::main,
     .arguments = "FILE",
     .words_min = 1,
     .words_max = 1,
     .standard = "/var/lib/postern/access.key",
     .line = "The file with the key that links to sessions are signed with, where a location has "
             "access link; made on the first start",
     .more = "One or two lines of 32 to 512 printable characters. The first one signs, both are "
             "believed: to change the key without ending all links, write a new one above it, "
             "reload, and take the old one out when its links have ended.",
     .example = "access_key_file /etc/postern/access.key;"},
    {.name = "allow_targets",
     .contexts = context::main,
     .arguments = "NETWORK ...",
     .words_min = 1,
     .words_max = words_unbounded,
     .standard = "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fd00::/8 ::1",
     .line = "The networks in which a session's container may be; others are answered 502",
     .more = "Guards against a store in which somebody wrote an address that is none of yours. "
             "169.254.0.0/16, where "
             "clouds keep their credentials, is only reached if it is written here.",
     .example = "allow_targets 10.20.0.0/16;"},
    {.name = "trusted_proxies",
     .contexts = context::main,
     .arguments = "NETWORK ... | off",
     .words_min = 1,
     .words_max = words_unbounded,
     .standard = "off",
     .line = "The proxies before postern whose word about the client is believed",
     .more = "Their X-Forwarded headers are passed on, and the client is the last address of "
             "X-Forwarded-For that is not one of them: it stands in the access log and in "
             "X-Real-IP, and limits count by it. Where there is no X-Forwarded-For, X-Real-IP "
             "says who it is.\n"
             "With \"listen ... proxy_protocol\", only these may connect. They themselves have no "
             "limits.",
     .example = "trusted_proxies 10.0.0.0/24;"},
    time_limit("client_header_timeout", "10s", "How long a client may take for a request's head",
               "client_header_timeout 5s;", "From its first byte to its end; then 408."),
    time_limit("client_body_timeout", "60s", "How long a client may pause within a request's body",
               "client_body_timeout 30s;"),
    time_limit("send_timeout", "60s", "How long a client may take nothing of an answer",
               "send_timeout 30s;"),
    time_limit("keepalive_timeout", "75s", "How long a connection may wait for its next request",
               "keepalive_timeout 20s;"),
    time_limit("proxy_connect_timeout", "5s", "How long a connection to a target may take",
               "proxy_connect_timeout 2s;"),
    time_limit("proxy_send_timeout", "60s", "How long a target may take nothing of a request",
               "proxy_send_timeout 30s;"),
    time_limit("proxy_read_timeout", "60s",
               "How long a target may pause before or within its answer", "proxy_read_timeout 5m;",
               "Tunnels have tunnel_timeout."),
    time_limit("upstream_keepalive_timeout", "60s",
               "How long an idle connection to a target is kept",
               "upstream_keepalive_timeout 10s;"),
    time_limit("upgrade_timeout", "5s",
               "How long a target may take to answer a WebSocket handshake; then 504",
               "upgrade_timeout 10s;",
               "Dev servers leave a handshake that they do not like without any answer."),
    time_limit("tunnel_timeout", "10m", "How long neither side of a WebSocket may send anything",
               "tunnel_timeout 1h;",
               "Dev servers' clients ping each 30 s, but tabs in the background do less."),
    {.name = "client_min_rate",
     .contexts = context::main,
     .arguments = "SIZE/s [within=TIME] | off",
     .words_min = 1,
     .words_max = 2,
     .standard = "100/s within=60s",
     .line = "How slowly a client may send a body, or take an answer that waits for it",
     .more = "Whoever is more than TIME behind is too slow: a body is answered 408, an answer is "
             "broken off. Only time in which postern waits for the client counts; WebSockets have "
             "no such bound.",
     .example = "client_min_rate 1k/s within=30s;"},
    size_limit("client_connections", "NUMBER | off", "5000",
               "How many connections one client may have, over all workers; more are answered 429",
               "client_connections 200;",
               "A client is an IPv4 address or an IPv6 /64, here and in all limits; many people "
               "may be behind one."),
    rate_limit_of("client_request_rate", "NUMBERr/s [burst=NUMBER] | NUMBERr/m ... | off",
                  "How many requests a client may make; more are answered 429",
                  "client_request_rate 200r/s burst=2000;",
                  "burst: so many may come at once after a pause; a second's worth without it. Dev "
                  "servers send a page in 1,000 modules and more. Every request whose head could "
                  "be read counts, whatever its answer; a malformed one does not."),
    rate_limit_of("client_byte_rate", "SIZE/s [burst=SIZE] | off",
                  "How many bytes a client may send and receive",
                  "client_byte_rate 20m/s burst=200m;",
                  "Bodies and WebSockets over it are slowed down. New requests are answered 429 "
                  "while more than a second's worth is owed."),
    rate_limit_of("session_request_rate", "NUMBERr/s [burst=NUMBER] | NUMBERr/m ... | off",
                  "How many requests may be made to a session, by all of its clients; more are "
                  "answered 429",
                  "session_request_rate 500r/s burst=5000;", "As client_request_rate."),
    rate_limit_of("session_byte_rate", "SIZE/s [burst=SIZE] | off",
                  "How many bytes may go to and from a session", "session_byte_rate 50m/s;",
                  "As client_byte_rate."),
    size_limit("worker_connections", "NUMBER", "10000",
               "How many clients one worker serves at one time", "worker_connections 20000;"),
    size_limit("keepalive_requests", "NUMBER", "1000000",
               "After how many requests a client's connection is closed",
               "keepalive_requests 1000;"),
    size_limit("upstream_keepalive", "NUMBER", "64",
               "How many idle connections each worker keeps to a target; 0: none",
               "upstream_keepalive 8;"),
    size_limit("client_header_size", "SIZE", "16k",
               "How large a request's head may be, 1k to 1m; then 431 or 414",
               "client_header_size 32k;"),
    size_limit("client_header_fields", "NUMBER", "100",
               "How many fields a head may have, 8 to 1000; then 431", "client_header_fields 200;",
               "Holds for the heads of answers, too."),
    size_limit("proxy_buffer_size", "SIZE", "32k",
               "How large the head of a target's answer may be, 1k to 1m; then 502",
               "proxy_buffer_size 64k;"),
    size_limit("http2_max_concurrent_streams", "NUMBER", "128",
               "How many requests an HTTP/2 client may have open on one connection, 1 to 1000",
               "http2_max_concurrent_streams 64;",
               "Those beyond it are refused, so that the client sends them again. A request that "
               "was reset counts until its work has ended."),
    size_limit("http2_resets", "NUMBER", "50",
               "How many streams a second an HTTP/2 connection may see reset, on average",
               "http2_resets 20;",
               "By the client, or by postern because the client broke a rule. Ten seconds' worth "
               "may come at once; after that the connection is ended (ENHANCE_YOUR_CALM)."),
    size_limit("http2_control_frames", "NUMBER", "1000",
               "How many frames that carry nothing an HTTP/2 client may send a second, on average",
               "http2_control_frames 200;",
               "PING, SETTINGS, PRIORITY, empty DATA, unknown ones, and WINDOW_UPDATE where no "
               "answer called for it. Ten seconds' worth may come at once; then as http2_resets."),
    size_limit("hold_requests", "NUMBER", "1000",
               "How many requests each worker holds at one time while their sessions start; more "
               "are answered 503",
               "hold_requests 5000;"),
};

} // namespace

std::span<const directive> traffic_directives() {
    return table;
}

} // namespace postern::edge
