// Directives about TLS: certificates, what is spoken, tickets.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

constexpr unsigned main_or_server = context::main | context::server;

const directive table[] = {
    {.name = "ssl_certificate",
     .contexts = main_or_server,
     .arguments = "CERTIFICATE_FILE KEY_FILE",
     .words_min = 2,
     .words_max = 2,
     .line = "The certificate that a server shows where it listens with ssl, and its private key",
     .more = "PEM files; the first has the certificate and behind it those that lead to its root. "
             "Several may be given, of different kinds of key (RSA and ECDSA). The client's name "
             "for the server (SNI) chooses among servers as Host does; a name that none of them "
             "has gets the certificate of the default_server. Read by the master at the start and "
             "at a reload, as who started it: the key need not be readable to user.",
     .example = "ssl_certificate /etc/postern/edit.pem /etc/postern/edit.key;",
     .repeats = true},
    {.name = "ssl_protocols",
     .contexts = main_or_server,
     .arguments = "TLSv1.2 | TLSv1.3 ...",
     .words_min = 1,
     .words_max = 2,
     .standard = "TLSv1.2 TLSv1.3",
     .line = "The versions of TLS that are spoken; there are no older ones",
     .example = "ssl_protocols TLSv1.3;"},
    {.name = "ssl_ciphers",
     .contexts = main_or_server,
     .arguments = "LIST",
     .words_min = 1,
     .words_max = 1,
     .standard = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                 "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
     .line = "The ciphers of TLS 1.2, best first, in OpenSSL's words",
     .more = "The standard is Mozilla's intermediate list without the DHE ciphers, which cost "
             "much and which no client needs that knows TLS 1.2. Those of TLS 1.3 are always all "
             "three. A client that puts ChaCha20 first gets it.",
     .example = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;"},
    {.name = "ssl_session_tickets",
     .contexts = main_or_server,
     .arguments = "on | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "on",
     .line = "Whether a client that comes again is spared the long handshake",
     .more = "Tickets hold on all workers and over reloads, for ssl_ticket_rotation. Without them "
             "each connection takes a whole handshake: there is no cache of sessions.",
     .example = "ssl_session_tickets off;"},
    {.name = "ssl_ticket_rotation",
     .contexts = context::main,
     .arguments = "TIME",
     .words_min = 1,
     .words_max = 1,
     .standard = "12h",
     .line = "How often the keys that tickets are sealed with are made anew",
     .more = "The key before is accepted for one more turn, then it is nowhere any more; so long "
             "could a stolen key open what was said. A restart makes new keys at once.",
     .example = "ssl_ticket_rotation 1h;"},
    {.name = "ssl_handshake_timeout",
     .contexts = context::main,
     .arguments = "TIME",
     .words_min = 1,
     .words_max = 1,
     .standard = "10s",
     .line = "How long a client may take for the whole TLS handshake",
     .example = "ssl_handshake_timeout 5s;"},
    {.name = "ssl_redirect",
     .contexts = context::inherited,
     .arguments = "on | off | PORT",
     .words_min = 1,
     .words_max = 1,
     .standard = "off",
     .line = "Whether plain HTTP is answered by a redirect to the same URL by https",
     .more = "301 for GET and HEAD, 308 for the rest. To PORT, else to the one where the server "
             "listens with ssl, else to 443. Only for a Host that the server has: nobody is sent "
             "elsewhere. What one of trusted_proxies says came by https is served.",
     .example = "ssl_redirect on;"},
};

} // namespace

std::span<const directive> tls_directives() {
    return table;
}

} // namespace postern::edge
