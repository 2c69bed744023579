// Directives about servers and locations: which URL goes where.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

const directive table[] = {
    {.name = "server",
     .contexts = context::main,
     .line = "What is served under some addresses and host names",
     .example = "server {\n    listen 80;\n    server_name edit.{clientId}.example.com;\n"
                "    location /session/{threadId}/ { session; }\n}",
     .repeats = true,
     .block = block_rule::required,
     .opens = context::server},
    {.name = "listen",
     .contexts = context::server,
     .arguments = "PORT | ADDRESS[:PORT] [default_server] [ssl] [http2] [proxy_protocol]",
     .words_min = 1,
     .words_max = 5,
     .standard = "80",
     .line = "An address and port to serve; a bare port is on all IPv4 addresses",
     .more =
         "IPv6 addresses stand in brackets. With port 0 the system chooses one. Of the servers on "
         "one address, the "
         "default_server, or else the first, gets requests for host names that none of them has. "
         "With ssl, TLS is spoken there, by all servers on this address; see ssl_certificate. "
         "With http2, HTTP/2 besides HTTP/1.1: with ssl where the client agrees (ALPN), without it "
         "where the client begins with HTTP/2's preface, as programs and proxies may. With "
         "proxy_protocol, each connection begins with a PROXY header (version 1 or 2) from one of "
         "trusted_proxies, which names the client; all others are closed.",
     .example = "listen [::]:80 default_server;",
     .repeats = true},
    {.name = "server_name",
     .contexts = context::server,
     .arguments = "NAME ...",
     .words_min = 1,
     .words_max = words_unbounded,
     .line = "The host names of this server, with {captures}; without it, any",
     .more = "Names without captures are looked at first, then the others in the order of the "
             "conf. A capture takes one "
             "or more letters, digits, and . _ ~ -.",
     .example = "server_name edit.{clientId}.example.com;",
     .repeats = true},
    {.name = "static_root",
     .contexts = context::server | context::location,
     .arguments = "FOLDER",
     .words_min = 1,
     .words_max = 1,
     .line = "The static site that stands in for a session that is draining or expired; knows the "
             "captures",
     .more = "Without it, the root of the server's \"location /\" with static.",
     .example = "static_root /srv/sites/{clientId}/dist;",
     .handlers = for_handler(handler::session)},
    {.name = "location",
     .contexts = context::server,
     .arguments = "[=] PATH",
     .words_min = 1,
     .words_max = 2,
     .line = "What is done with paths that begin with PATH, or with = are just it",
     .more = "PATH may have {captures}. An exact path comes first, then the longest one. A "
             "location has exactly one "
             "of session, static, proxy, control and return.",
     .example = "location = /favicon.ico { return 404; }",
     .repeats = true,
     .block = block_rule::required,
     .opens = context::location},
    {.name = "session",
     .contexts = context::location,
     .line = "Looks the route key up in the session table, and shows the session or what has "
             "become of it",
     .example = "session;",
     .makes = handler::session},
    {.name = "static",
     .contexts = context::location,
     .arguments = "FOLDER",
     .words_min = 1,
     .words_max = 1,
     .line = "Serves files; FOLDER knows the captures of path and host",
     .more =
         "Every file in it can be asked for, .git and .env too: let it be what a build made, and "
         "no working tree.",
     .example = "static /srv/sites/{clientId}/dist;",
     .makes = handler::static_files},
    {.name = "proxy",
     .contexts = context::location,
     .arguments = "ADDRESS:PORT",
     .words_min = 1,
     .words_max = 1,
     .line = "Sends requests to one fixed server, path and all",
     .example = "proxy 127.0.0.1:3000;",
     .makes = handler::proxy},
    {.name = "control",
     .contexts = context::location,
     .arguments = "[open]",
     .words_min = 0,
     .words_max = 1,
     .line = "Lets the session API be reached here; callers need its token",
     .more =
         "open: pages of this very origin need none. Only for an address that nobody else reaches.",
     .example = "control;",
     .makes = handler::control},
    {.name = "return",
     .contexts = context::location,
     .arguments = "CODE [TEXT | URL]",
     .words_min = 1,
     .words_max = 2,
     .line = "A fixed answer: a text, or a redirect with code 301, 302, 303, 307 or 308",
     .example = "return 301 https://example.com/;",
     .makes = handler::fixed},
    {.name = "port",
     .contexts = context::location,
     .arguments = "NUMBER",
     .words_min = 1,
     .words_max = 1,
     .line = "Another port of the session's target than the one it was registered with",
     .example = "port 8080;",
     .handlers = for_handler(handler::session)},
};

} // namespace

std::span<const directive> server_directives() {
    return table;
}

} // namespace postern::edge
