// Directives about how sessions are served; given in the main part or a server they hold for all
// locations within.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

constexpr unsigned session_only = for_handler(handler::session);

const directive table[] = {
    {.name = "route_key",
     .contexts = context::inherited,
     .arguments = "TEMPLATE",
     .words_min = 1,
     .words_max = 1,
     .standard = "{clientId}-{threadId}",
     .line = "What names a session: made of a record's fields by sync, and of a URL's captures by "
             "a worker",
     .more = "In the main part it knows {sessionId}, {clientId}, {userId} and {threadId}. A server "
             "or location whose "
             "URLs lack one of them writes its own, such as route_key default-{threadId}; of its "
             "captures; both must "
             "make the same text for the same session. 255 bytes at most. So that no two sessions "
             "share a key, a value must not hold the text that stands between it and the next one: "
             "with {clientId}-{threadId} a clientId has no - in it, and such sessions are refused. "
             "{clientId}@{threadId} takes all names, as none has an @.",
     .example = "route_key {clientId}@{threadId};",
     .handlers = session_only},
    {.name = "strip_prefix",
     .contexts = context::inherited,
     .arguments = "on | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "on",
     .line = "Whether the location's path is taken off before a request goes to the target",
     .example = "strip_prefix off;",
     .handlers = session_only},
    {.name = "dev_server",
     .contexts = context::inherited,
     .arguments = "vite | none",
     .words_min = 1,
     .words_max = 1,
     .standard = "none",
     .line = "vite makes unmodified Vite and Astro dev servers work behind a path or a host name",
     .more = "It repairs Host, Origin, Location and the address of the HMR socket, and in a "
             "location with captures in its "
             "path it turns session_from referer cookie on.",
     .example = "dev_server vite;",
     .handlers = session_only},
    {.name = "wake",
     .contexts = context::inherited,
     .arguments = "auto | button | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "auto",
     .line = "Whether the page of a stopped session starts it again by itself, by a button, or not "
             "at all",
     .more = "Never by the bare request: link checkers and mail scanners start nothing.",
     .example = "wake button;",
     .handlers = session_only},
    {.name = "hold",
     .contexts = context::inherited,
     .arguments = "TIME | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "30s",
     .line = "How long requests other than for pages wait for a session that is starting; then "
             "503. Up to 10m",
     .more = "A body stays with its client meanwhile: no more of it than came with the head is "
             "read before the session is "
             "active.",
     .example = "hold 10s;",
     .handlers = session_only},
    {.name = "session_from",
     .contexts = context::inherited,
     .arguments = "off | [header NAME] [referer] [cookie]",
     .words_min = 1,
     .words_max = 4,
     .line = "Where else to find the session of a request that has none in its path or host",
     .more = "header: its value stands for the one capture of the path that route_key needs, or "
             "for the one that neither path nor host has. referer: "
             "a request from a session's page is redirected below that session's path. cookie: the "
             "path of the session opened last is remembered, and navigations and sockets outside "
             "of any session's path belong to it. With dev_server vite and captures in the path, "
             "referer and cookie are on "
             "unless this is given.",
     .example = "session_from header X-Edit-Session-Id referer cookie;",
     .handlers = session_only},
    {.name = "on_expired",
     .contexts = context::inherited,
     .arguments = "not_found | static | redirect URL",
     .words_min = 1,
     .words_max = 2,
     .standard = "not_found",
     .line = "What the link of a session shows that is unknown or past route_ttl",
     .more = "static needs a static_root, or a \"location /\" with static in the same server.",
     .example = "on_expired redirect https://example.com/;",
     .handlers = session_only},
    {.name = "index",
     .contexts = context::inherited,
     .arguments = "FILE ...",
     .words_min = 1,
     .words_max = 16,
     .standard = "index.html",
     .line =
         "The files that stand for a folder of a static site; the first one that exists is sent",
     .example = "index index.html index.htm;",
     .handlers = session_only | for_handler(handler::static_files)},
    {.name = "precompressed",
     .contexts = context::inherited,
     .arguments = "on | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "off",
     .line = "Whether files that lie compressed beside the plain one (app.js.br, app.js.gz) are "
             "sent to clients that take them",
     .more = "Brotli before gzip, where the client likes both as well. Only for text and what is "
             "like it, and only if the compressed file is not older than the plain one. Off, as "
             "looking for them costs time where there are none.",
     .example = "precompressed on;",
     .handlers = session_only | for_handler(handler::static_files)},
    {.name = "cache_control",
     .contexts = context::inherited,
     .arguments = "[PATH] VALUE",
     .words_min = 1,
     .words_max = 2,
     .line = "What caches are told (Cache-Control) of the files whose path below the location "
             "begins with PATH, or of all others",
     .more = "The longest PATH counts. Only files that are there are told of, not errors and "
             "redirects, and it takes the place of a Cache-Control of add_header. One or more in a "
             "block take the place of all that stand further out. A static site that stands in "
             "for a session is never stored, whatever is said here: the same URL may be the "
             "session again.",
     .example = "cache_control no-cache;\n"
                "cache_control /_astro/ \"public, max-age=31536000, immutable\";",
     .repeats = true,
     .handlers = for_handler(handler::static_files)},
    {.name = "access",
     .contexts = context::inherited,
     .arguments = "open | [link] [NETWORK ...]",
     .words_min = 1,
     .words_max = words_unbounded,
     .standard = "open",
     .line = "Who is let in: everybody, who has a signed link to the session, or who comes from "
             "some networks",
     .more =
         "With link and networks, either is enough. A link is made by postern sessions link or "
         "the API; the first page that is opened by it exchanges its token for a cookie, which "
         "browsers keep only over HTTPS, or on localhost. All links to a session are revoked at "
         "once by postern sessions unlink. Everybody else is answered 403, whether there is "
         "such a session or not. link is for locations with session; networks are for all but "
         "return.",
     .example = "access link 10.0.0.0/8;",
     .handlers = session_only | for_handler(handler::static_files) | for_handler(handler::proxy) |
                 for_handler(handler::control)},
    {.name = "page",
     .contexts = context::inherited,
     .arguments = "loading | resume | failed | reconnecting | not_found | error FILE",
     .words_min = 2,
     .words_max = 2,
     .line = "A file that takes the place of one of postern's own pages",
     .more = "HTML of at most 1 MiB, in which {{session_id}}, {{prefix}}, {{reason}}, {{status}}, "
             "{{wake}} and {{waited_ms}} are filled in. "
             "It is read at the start and on a reload.",
     .example = "page not_found pages/gone.html;",
     .repeats = true},
    {.name = "add_header",
     .contexts = context::inherited,
     .arguments = "NAME VALUE",
     .words_min = 2,
     .words_max = 2,
     .line = "A header field for every answer",
     .more = "As in nginx, one or more in a block take the place of all that stand further out.",
     .example = "add_header Strict-Transport-Security \"max-age=31536000\";",
     .repeats = true},
    {.name = "table_age_header",
     .contexts = context::inherited,
     .arguments = "NAME | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "off",
     .line = "A header field that says how many seconds old the session table is, in answers to "
             "requests for sessions",
     .more = "See stale_after. -1: sync has not had all of the store in it yet.",
     .example = "table_age_header X-Table-Age;"},
    {.name = "client_max_body_size",
     .contexts = context::inherited,
     .arguments = "SIZE",
     .words_min = 1,
     .words_max = 1,
     .line = "How large a request's body may be; then 413. 0: without a bound",
     .more = "Where it is not given: 100m in a location with session, as editors upload files, and "
             "1m in any other.",
     .example = "client_max_body_size 10m;"},
};

} // namespace

std::span<const directive> session_directives() {
    return table;
}

} // namespace postern::edge
