// Bad confs: each with the one line that postern says of it.
#include "edge/settings/check_tree.hpp"
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

struct bad_conf {
    const char* text;
    const char* line; // without the file's name
};

void expect_lines(std::initializer_list<bad_conf> samples) {
    for (const bad_conf& sample : samples) {
        const auto made = parse_settings(sample.text, "/p.conf");
        if (made) {
            ADD_FAILURE() << sample.text << "\nwas accepted";
            continue;
        }
        EXPECT_EQ(made.error().text(), std::string{"/p.conf:"} + sample.line) << sample.text;
    }
}

TEST(bad_conf, directives_in_the_wrong_way) {
    expect_lines({
        {"\nwokers 3;",
         "2: directive \"wokers\": there is no such directive; did you mean \"workers\"?"},
        {"worker_processes 3;", "1: directive \"worker_processes\": there is no such directive; "
                                "did you mean \"workers\"?"},
        {"lifecycle {\n bundle_window 30s; }",
         "2: directive \"bundle_window\": there is no such directive; \"postern help\" lists them"},
        {"server { ssl_certificate_key a; }",
         "1: directive \"ssl_certificate_key\": there is no such directive; did you mean "
         "\"ssl_certificate\"?"},
        {"hold 3s; lifecycle {\n wake auto; }",
         "2: directive \"wake\": belongs in the main part, server or location, not in lifecycle"},
        {"location / { }", "1: directive \"location\": belongs in server, not in the main part"},
        {"idle_timeout 5m;",
         "1: directive \"idle_timeout\": belongs in lifecycle, not in the main part"},
        {"workers;", "1: directive \"workers\": takes 1 argument (auto | NUMBER), not 0"},
        {"workers 1 2;", "1: directive \"workers\": takes 1 argument (auto | NUMBER), not 2"},
        {"error_log;", "1: directive \"error_log\": takes 1 to 2 arguments (FILE | stderr [debug | "
                       "info | notice | warn | error | crit]), not 0"},
        {"allow_targets;",
         "1: directive \"allow_targets\": takes 1 argument or more (NETWORK ...), not 0"},
        {"server a { }", "1: directive \"server\": takes no argument, not 1"},
        {"workers 1\npid off;",
         "1: directive \"workers\": is a \";\" missing before \"pid\" in line 2?"},
        {"allow_targets ::1\nserver { }",
         "1: directive \"allow_targets\": is a \";\" missing before \"server\" in line 2?"},
        {"workers 1 { }", "1: directive \"workers\": takes no block; end it with \";\""},
        {"control;", "1: directive \"control\": needs a block: { ... } in place of \";\""},
        {"workers 1;\nworkers 2;", "2: directive \"workers\": was given already in line 1"},
        {"lifecycle { }\nlifecycle { }", "2: directive \"lifecycle\": was given already in line 1"},
        {"server { location / {\n session;\n static x; } }",
         "3: directive \"static\": the location has \"session\" already (line 2); it does one "
         "thing"},
        {"server { location / { } }", "1: directive \"location\": does nothing; give it one of "
                                      "session, static, proxy, control and return"},
    });
}

TEST(bad_conf, the_first_error_is_the_one_that_is_told) {
    expect_lines({
        {"server {\n hold 5x;\n}\nworkers 0;\nfoo;",
         "2: directive \"hold\": \"5x\" is no duration; write 500ms, 30s, 5m, 2h or 1d"},
        {"workers 0;\nfoo;",
         "1: directive \"workers\": \"0\" is out of bounds; write 1 to 64, or auto"},
        {"foo;\nbar {",
         "1: directive \"foo\": there is no such directive; \"postern help\" lists them"},
        {"workers 2;\nserver {\n listen 80",
         "3: directive \"listen\": the file ends before its \";\""},
        // What a half-read location lacks is no error of its own.
        {"server { location /x {",
         "1: the file ends, but the block of \"location\" in line 1 has no \"}\""},
    });
}

TEST(bad_conf, values_of_the_main_part) {
    expect_lines({
        {"workers 65;",
         "1: directive \"workers\": \"65\" is out of bounds; write 1 to 64, or auto"},
        {"workers many;",
         "1: directive \"workers\": \"many\" is no number; write 1 to 64, or auto"},
        {"pid '';", "1: directive \"pid\": \"\" is no path"},
        {"pid \"a\nb\";", "1: directive \"pid\": \"a\\x0ab\": a path has no control bytes"},
        {"error_log stderr loud;", "1: directive \"error_log\": \"loud\" is no level; write debug, "
                                   "info, notice, warn, error or crit"},
        {"access_log off json;",
         "1: directive \"access_log\": nothing may follow off, but \"json\" does"},
        {"access_log a xml;",
         "1: directive \"access_log\": \"xml\" is not known; write combined or json"},
        {"session_table t 100k;",
         "1: directive \"session_table\": \"100k\" is not known; write capacity=100k"},
        {"session_table t capacity=0;",
         "1: directive \"session_table\": capacity: \"0\" is out of bounds; write 1 to 100000000"},
        {"store redis t;",
         "1: directive \"store\": \"redis\" is not known; write sqlite or dynamodb"},
        {"store sqlite a { flush 50ms; }",
         "1: directive \"flush\": \"50ms\" is out of bounds; write 100ms to 1h"},
        {"allow_targets 10.0.0.0/99;", "1: directive \"allow_targets\": \"10.0.0.0/99\" is no "
                                       "network; write 10.0.0.0/8, fd00::/8 or one address"},
        {"trusted_proxies 127.0.0.1 fd00::1/8;",
         "1: directive \"trusted_proxies\": \"fd00::1/8\" is an address within a network; write "
         "fd00::/8 for the network, or fd00::1 for the address alone"},
        {"server { location / { return 200; access 10.0.0.1/8; } }",
         "1: directive \"access\": \"10.0.0.1/8\" is an address within a network; write 10.0.0.0/8 "
         "for the network, or 10.0.0.1 for the address alone"},
        {"send_timeout 0;",
         "1: directive \"send_timeout\": \"0\" is out of bounds; write 1ms to 7d"},
        {"client_connections 0;", "1: directive \"client_connections\": \"0\" is out of bounds; "
                                  "write 1 to 1000000, or off"},
        {"client_request_rate 100;", "1: directive \"client_request_rate\": \"100\" is no rate of "
                                     "requests; write 100r/s, 30r/m or off"},
        {"client_request_rate off burst=3;",
         "1: directive \"client_request_rate\": nothing may follow off, but \"burst=3\" does"},
        {"session_request_rate 5r/s brust=3;", "1: directive \"session_request_rate\": "
                                               "\"brust=3\" is not known; write burst=200"},
        {"session_request_rate 5r/s burst=0;", "1: directive \"session_request_rate\": burst: "
                                               "\"0\" is out of bounds; write 1 to 1000000"},
        {"client_byte_rate 10m;", "1: directive \"client_byte_rate\": \"10m\" is no rate of bytes; "
                                  "write 512k/s, 10m/s or off"},
        {"client_min_rate 100/s after=3s;",
         "1: directive \"client_min_rate\": \"after=3s\" is not known; write within=60s"},
        {"client_header_size 2m;",
         "1: directive \"client_header_size\": \"2m\" is out of bounds; write 1k to 1m"},
        {"control { listen 9180; }",
         "1: directive \"listen\": \"9180\" is no address with a port; write 127.0.0.1:9180"},
        {"control { preview_url x; }",
         "1: directive \"preview_url\": \"x\" is no URL; write https://host/path"},
        {"control { preview_url http://{x}; }",
         "1: directive \"preview_url\": {x} is not known here; there are {sessionId}, {clientId}, "
         "{userId}, {threadId}, {routeKey}"},
        {"route_key all;", "1: directive \"route_key\": \"all\" is the same for all sessions; "
                           "write {clientId}-{threadId} or the like"},
        {"route_key {thread};", "1: directive \"route_key\": a session's record has no {thread}; "
                                "there are {sessionId}, {clientId}, {userId}, {threadId}"},
    });
}

TEST(bad_conf, values_of_the_lifecycle) {
    expect_lines({
        {"lifecycle {\n idle_timeout 5x; }",
         "2: directive \"idle_timeout\": \"5x\" is no duration; write 500ms, 30s, 5m, 2h or 1d"},
        {"lifecycle { idle_timeout 14s; }",
         "1: directive \"idle_timeout\": idle_timeout 14s is less than three times the store's "
         "flush 5s; a session in use could be stopped"},
        {"store sqlite a { flush 2m; }",
         "1: directive \"flush\": idle_timeout 5m is less than three times the store's flush 2m; a "
         "session in use could be stopped"},
        {"lifecycle { history 14s; route_ttl 10s; }",
         "1: directive \"history\": history 14s is less than three times the store's flush 5s; the "
         "record of a session in use could go"},
        {"lifecycle { route_ttl 2d; }", "1: directive \"route_ttl\": history 1d is less than "
                                        "route_ttl 2d; a link cannot outlive its record"},
        {"lifecycle { launcher docker { } }",
         "1: directive \"launcher\": \"docker\" is not known; write process"},
        {"lifecycle { launcher process { } }", "1: directive \"launcher\": a command is missing, "
                                               "such as \"command npx astro dev --port {port};\""},
        {"lifecycle { launcher process { command ''; } }",
         "1: directive \"command\": the program's name is empty"},
        {"lifecycle { launcher process { command a; } }",
         "1: directive \"command\": neither it nor environment has {port}, so that all sessions "
         "would listen on one port"},
        {"lifecycle { launcher process { command a {prot}; } }",
         "1: directive \"command\": {prot} is not known here; there are {port}, {sessionId}, "
         "{clientId}, {userId}, {threadId}, {branch}, "
         "{instruction}"},
        {"lifecycle { launcher process { command a {port}; environment A=B c; } }",
         "1: directive \"environment\": \"A=B\" is no variable's name; letters, digits and _"},
        {"lifecycle { launcher process { command a {port}; environment A 1; environment A 2; } }",
         "1: directive \"environment\": \"A\" has a value already: \"1\""},
        {"lifecycle { launcher process { command a {port}; ports 5; } }",
         "1: directive \"ports\": \"5\" is no range of ports; write 20000-29999"},
        {"lifecycle { launcher process { command a {port}; ports 9-5; } }",
         "1: directive \"ports\": \"9-5\" ends before it begins; write 5-9"},
        {"lifecycle { launcher process { command a {port}; ready udp; } }",
         "1: directive \"ready\": \"udp\" is not known; write http or tcp"},
        {"lifecycle { launcher process { command a {port}; ready http within 5s; } }",
         "1: directive \"ready\": write \"http / within 60s\" or \"tcp within 60s\""},
        {"lifecycle { launcher process { command a {port}; ready http x; } }",
         "1: directive \"ready\": \"x\" is no path; it starts with /"},
        {"lifecycle { launcher process { command a {port}; stop NOW; } }",
         "1: directive \"stop\": \"NOW\" is not known; write TERM, INT, QUIT, HUP, USR1, USR2 or "
         "KILL"},
        {"lifecycle { launcher process { command a {port}; restarts 3; } }",
         "1: directive \"restarts\": write \"3 in 60s\" or off"},
    });
}

TEST(bad_conf, values_of_servers) {
    expect_lines({
        {"server { listen 80 quic; }", "1: directive \"listen\": \"quic\" is not known; "
                                       "default_server, ssl, http2 and proxy_protocol may "
                                       "follow the address"},
        {"server { listen 80 ssl ssl; }", "1: directive \"listen\": ssl is there twice"},
        {"server { listen 80 default_server default_server; }",
         "1: directive \"listen\": default_server is there twice"},
        {"server { listen 80 proxy_protocol; }",
         "1: directive \"listen\": nobody may connect with proxy_protocol: trusted_proxies is off; "
         "name the proxies there, such as \"trusted_proxies 10.0.0.0/24;\""},
        {"trusted_proxies 10.0.0.1;\nserver { listen 80 proxy_protocol; server_name a; }\n"
         "server { listen 80; server_name b; }",
         "3: directive \"listen\": 0.0.0.0:80 is with proxy_protocol in one server and without it "
         "in another: /p.conf:2"},
        {"server { listen 80; listen 0.0.0.0:80; }",
         "1: directive \"listen\": 0.0.0.0:80 is there twice in this server"},
        {"server { listen 127.0.0.1:9180; }",
         "1: directive \"listen\": 127.0.0.1:9180 is where control listens; take another port"},
        {"server { listen 80 default_server; server_name a; }\nserver { listen 80 default_server; "
         "server_name b; }",
         "2: directive \"listen\": 0.0.0.0:80 has a default_server already: /p.conf:1"},
        {"server { server_name a; }\nserver { server_name b a; }",
         "2: directive \"server_name\": \"a\" is on 0.0.0.0:80 already, in the server at "
         "/p.conf:1"},
        {"server { }\nserver { }", "2: directive \"server\": a server without server_name is on "
                                   "0.0.0.0:80 already, in the server at /p.conf:1"},
        {"server { server_name {a}.x {b}.x; }",
         "1: directive \"server_name\": \"{}.x\" is on 0.0.0.0:80 already, in this server"},
        {"server { location ~ x { return 200; } }",
         "1: directive \"location\": regular expressions are not known; write a path with "
         "captures, such as /session/{threadId}/"},
        {"server { location ^~ /x { return 200; } }",
         "1: directive \"location\": ^~ is not known; the longest path holds in any case"},
        {"server { location =/x { return 200; } }",
         "1: directive \"location\": \"=/x\": a space is missing after ="},
        {"server { location x { return 200; } }",
         "1: directive \"location\": \"x\" is no path; it starts with /"},
        {"server { location /a { return 200; }\nlocation /a { return 201; } }",
         "2: directive \"location\": \"/a\" is the same as \"/a\" in line 1"},
        {"route_key {clientId};server { location /{clientId}/ { session; }\nlocation /{x}/ { "
         "return 201; } }",
         "2: directive \"location\": \"/{x}/\" is the same as \"/{clientId}/\" in line 1"},
        {"server { server_name {a}.x; location /{a}/ { return 200; } }",
         "1: directive \"location\": {a} is captured from server_name {a}.x already"},
        {"server { location /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i} { return 200; } }",
         "1: directive \"location\": more than 8 captures"},
    });
}

TEST(bad_conf, values_of_tls) {
    expect_lines({
        {"server {\nlisten 443 ssl; }",
         "2: directive \"listen\": ssl needs a certificate; write ssl_certificate CERTIFICATE KEY; "
         "in this server"},
        {"ssl_certificate a b; server { server_name a; listen 443 ssl; }\n"
         "server { server_name b; listen 443; }",
         "2: directive \"listen\": 0.0.0.0:443 is without ssl here and with ssl at /p.conf:1; one "
         "address speaks one way"},
        {"ssl_certificate a b; server { server_name a; listen 443 ssl; }\n"
         "server { server_name b; listen 443 ssl http2; }",
         "2: directive \"listen\": 0.0.0.0:443 is with ssl http2 here and with ssl at /p.conf:1; "
         "one address speaks one way"},
        {"ssl_certificate a b; ssl_certificate a c;",
         "1: directive \"ssl_certificate\": /a is there twice"},
        {"server { ssl_certificate a b; ssl_certificate b b; ssl_certificate c b; ssl_certificate "
         "d "
         "b; ssl_certificate e b; }",
         "1: directive \"ssl_certificate\": more than 4 certificates in one server"},
        {"ssl_protocols TLSv1.1;",
         "1: directive \"ssl_protocols\": TLSv1.1 is broken and not spoken; write TLSv1.2 TLSv1.3, "
         "or TLSv1.3 alone"},
        {"ssl_protocols TLS1.3;", "1: directive \"ssl_protocols\": \"TLS1.3\" is not known; write "
                                  "TLSv1.2 or TLSv1.3"},
        {"ssl_ciphers \"\";", "1: directive \"ssl_ciphers\": the list is empty"},
        {"ssl_redirect yes;", "1: directive \"ssl_redirect\": \"yes\" is not on, off or the port "
                              "where https is reached"},
        {"ssl_redirect on;\nserver { listen 80; location / { return 404; } }",
         "1: directive \"ssl_redirect\": no server listens with ssl, and no proxy of "
         "trusted_proxies could speak TLS in front; write \"listen 443 ssl;\" in a server, or in "
         "place of on the port where https is reached"},
        {"server { listen 80; location / { return 404;\nssl_redirect on; } }",
         "2: directive \"ssl_redirect\": no server listens with ssl, and no proxy of "
         "trusted_proxies could speak TLS in front; write \"listen 443 ssl;\" in a server, or in "
         "place of on the port where https is reached"},
        {"http2 on;",
         "1: directive \"http2\": there is no such directive; did you mean \"listen\"?"},
        {"ssl_redirect 0;", "1: directive \"ssl_redirect\": \"0\" is not on, off or the port where "
                            "https is reached"},
    });
}

TEST(bad_conf, values_of_locations) {
    expect_lines({
        {"server { location / { static x;\nwake auto; } }",
         "2: directive \"wake\": means nothing in a location with \"static\""},
        {"server { location / { proxy http://a/; } }",
         "1: directive \"proxy\": \"http://a/\" is no address with a port; write 127.0.0.1:3000 "
         "without http://"},
        {"server { location / { control all; } }",
         "1: directive \"control\": \"all\" is not known; write open or nothing"},
        {"server { location / { return 100; } }",
         "1: directive \"return\": \"100\" is no code of an answer; write 200 to 599"},
        {"server { location / { return 302; } }",
         "1: directive \"return\": 302 is a redirect; a URL is missing"},
        {"server { location / { return 204 x; } }",
         "1: directive \"return\": an answer 204 has no text"},
        {"server { location / { static /srv/{x}; } }",
         "1: directive \"static\": neither path nor server_name captures {x}; there are none"},
        {"server { server_name {a}.x b.x; location / { static /srv/{a}; } }",
         "1: directive \"static\": neither path nor server_name captures {a}; there are none"},
        {"server { location /{t}/ { session; route_key {t}; static_root /srv/{x}; } }",
         "1: directive \"static_root\": neither path nor server_name captures {x}; there are {t}"},
        {"server { location /s/{threadId}/ {\n session; } }",
         "2: directive \"session\": route_key {clientId}-{threadId} needs {clientId}, which "
         "neither the path /s/{threadId}/ nor "
         "server_name captures; capture it, or write a route_key without it, such as \"route_key "
         "default-{threadId};\""},
        {"server { location / { session; } }",
         "1: directive \"session\": route_key {clientId}-{threadId} needs {clientId}, {threadId}, "
         "which neither the path / nor server_name "
         "captures; write a path such as /session/{threadId}/ or such a server_name"},
        {"server { location / { session; on_expired static; } location /{clientId}/{threadId}/ { "
         "session; } }",
         "1: directive \"session\": route_key {clientId}-{threadId} needs {clientId}, {threadId}, "
         "which neither the path / nor server_name "
         "captures; write a path such as /session/{threadId}/ or such a server_name"},
        {"server { location /{clientId}/{threadId}/ { session;\n on_expired static; } }",
         "2: directive \"on_expired\": static needs a static_root, or a \"location /\" with static "
         "in the same server"},
        {"on_expired redirect;", "1: directive \"on_expired\": redirect is followed by a URL"},
        {"on_expired static x;",
         "1: directive \"on_expired\": nothing may follow static, but \"x\" does"},
        {"wake maybe;", "1: directive \"wake\": \"maybe\" is not known; write auto, button or off"},
        {"strip_prefix yes;", "1: directive \"strip_prefix\": \"yes\" is neither on nor off"},
        {"session_from header;", "1: directive \"session_from\": header is followed by the field's "
                                 "name, such as X-Edit-Session-Id"},
        {"route_key {clientId}{threadId};",
         "1: directive \"route_key\": nothing stands between {clientId} and {threadId}, so that "
         "two "
         "sessions could share one key; write {clientId}@{threadId}"},
        {"server { location /{a}/{b}/ { session; route_key {a}-{b};\n session_from header X-S; } }",
         "2: directive \"session_from\": the header X-S has one value, but the path /{a}/{b}/ "
         "captures {a}, {b} for route_key {a}-{b}; leave the header out, or capture all but one by "
         "server_name"},
        {"server { server_name {t}.x; location / { session; route_key {t};\n session_from header "
         "X-S; } }",
         "2: directive \"session_from\": the header X-S has nothing to say here: server_name "
         "captures all that route_key {t} needs"},
        {"server { location /a,b/{t}/ { session; route_key {t};\n session_from cookie; } }",
         "2: directive \"session_from\": a cookie cannot hold the path /a,b/{t}/: it has one of \" "
         ", ; \\ in it; write session_from without cookie"},
        {"server { server_name {a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}.{i}.x; }",
         "1: directive \"server_name\": \"{a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}.{i}.x\" has more than 8 "
         "captures"},
        {"server { location /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/ { return 200; } }",
         "1: directive \"location\": more than 8 captures"},
        {"session_from off cookie;",
         "1: directive \"session_from\": \"off\" is not known among others; write off, or some of "
         "header NAME, referer and cookie"},
        {"index a/b;", "1: directive \"index\": \"a/b\" is no file's name; write index.html"},
        {"page lost x;", "1: directive \"page\": \"lost\" is not known; write loading, resume, "
                         "failed, reconnecting, not_found or error"},
        {"page error gone.html;",
         "1: directive \"page\": /gone.html cannot be read: No such file or directory"},
        {"page error /tmp;", "1: directive \"page\": /tmp is no regular file"},
        {"page error /etc/passwd; page error /etc/group;",
         "1: directive \"page\": the page error has a file already: \"/etc/passwd\""},
        {"access link open;",
         "1: directive \"access\": open lets everybody in; write it alone, or leave it out"},
        {"access link link;", "1: directive \"access\": link is there twice"},
        {"access 10.0.0.0/8 links;", "1: directive \"access\": \"links\" is not known; write open, "
                                     "or some of link and networks "
                                     "such as 10.0.0.0/8"},
        {"server { location / { static x; access link; } }",
         "1: directive \"access\": link is for sessions, and the location / has \"static\"; write "
         "\"access open;\" or networks in it"},
        {"server { access link; location / { proxy 127.0.0.1:1; } }",
         "1: directive \"access\": link is for sessions, and the location / has \"proxy\"; write "
         "\"access open;\" or networks in it"},
        {"server { location / { return 204; access 10.0.0.1; } }",
         "1: directive \"access\": means nothing in a location with \"return\""},
        {"cache_control _astro no-cache;",
         "1: directive \"cache_control\": \"_astro\" is no path; write /_astro/, or the value "
         "alone for all files, in quotes where it has spaces"},
        {"cache_control /_astro/;",
         "1: directive \"cache_control\": \"/_astro/\" is nothing to tell a cache; write no-cache, "
         "or \"public, max-age=31536000, immutable\""},
        {"cache_control /a/ x; cache_control /a/ y;",
         "1: directive \"cache_control\": /a/ has one already: \"x\""},
        {"cache_control x; cache_control y;",
         "1: directive \"cache_control\": every file has one already: \"x\""},
        {"cache_control \"a\r\nb: c\";",
         "1: directive \"cache_control\": \"a\\x0d\\x0ab: c\" is nothing to tell a cache; write "
         "no-cache, or \"public, max-age=31536000, immutable\""},
        {"add_header 'a b' c;", "1: directive \"add_header\": \"a b\" is no field's name"},
        {"add_header date x;",
         "1: directive \"add_header\": date is not yours to set; each answer has its own"},
        {"table_age_header Content-Type;", "1: directive \"table_age_header\": Content-Type is not "
                                           "yours to set; each answer has its own"},
        {"session_from header cookie;", "1: directive \"session_from\": cookie names no session; "
                                        "write a field of your own, such as X-Edit-Session-Id"},
        {"session_from header Transfer-Encoding;",
         "1: directive \"session_from\": Transfer-Encoding names no session; write a field of your "
         "own, such as X-Edit-Session-Id"},
        {"session_from cookie cookie;", "1: directive \"session_from\": cookie stands twice"},
        {"session_from header A header B;", "1: directive \"session_from\": header stands twice"},
        {"server { location / { return 206 x; } }",
         "1: directive \"return\": 206 says something of a request that a fixed answer does not "
         "look at; write another code"},
        {"server { location / { return 300 x; } }",
         "1: directive \"return\": 300 says something of a request that a fixed answer does not "
         "look at; write another code"},
        {"server { location / { return 304; } }",
         "1: directive \"return\": 304 says something of a request that a fixed answer does not "
         "look at; write another code"},
        {"add_header content-length 3;", "1: directive \"add_header\": content-length is not yours "
                                         "to set; it belongs to the connection"},
        {"add_header a \"b\\r\\nc: d\";", "1: directive \"add_header\": \"b\\x0d\\x0ac: d\": a "
                                          "field's value is one line without control bytes"},
        {"server { location /{clientId}/{threadId}/ { session; port 0; } }",
         "1: directive \"port\": \"0\" is out of bounds; write 1 to 65535"},
    });
}

TEST(complaints, keep_the_one_that_stands_first) {
    const std::string file = "/p.conf";
    directive_node first;
    first.name = "a";
    first.file = &file;
    first.line = 1;
    first.order = 1;
    directive_node second = first;
    second.name = "b";
    second.order = 2;
    complaints found;
    EXPECT_FALSE(found.any());
    found.note(second, "late");
    found.note(first, "early");
    found.note(first, "again");
    ASSERT_TRUE(found.any());
    EXPECT_EQ(found.first()->text(), "/p.conf:1: directive \"a\": early");
    EXPECT_TRUE(found.about(second));
}

} // namespace
} // namespace postern::edge
