// Where and how a server is reached: addresses, and TLS.
#pragma once

#include "base/ip_endpoint.hpp"

#include <string>
#include <vector>

namespace postern::edge {

struct listen_settings {
    base::ip_endpoint address; // port 0 is allowed: the system chooses (tests)
    bool default_server = false;
    bool proxy_protocol = false; // a PROXY header comes first
    bool ssl = false;
    bool http2 = false; // HTTP/2 besides HTTP/1.1
    std::string source;
    bool operator==(const listen_settings& o) const { return address == o.address; }
};

/// `ssl_certificate`: PEM files, the certificate first and then what leads to its root.
struct certificate_files {
    std::string chain, key;
    std::string source; // "file:line"
};

/// How a server speaks TLS. Files are looked at by edge/tls.
struct tls_settings {
    std::vector<certificate_files> certificates; // of different kinds of key
    bool tls12 = true, tls13 = true;
    std::string ciphers; // of TLS 1.2, in OpenSSL's words
    std::string ciphers_source;
    bool tickets = true;
};

} // namespace postern::edge
