// A certificate and its private key from their files.
#pragma once

#include "base/error.hpp"
#include "edge/settings/settings.hpp"
#include "edge/tls/openssl.hpp"

#include <ctime>
#include <string>
#include <vector>

namespace postern::edge {

struct certificate {
    x509_ptr leaf;
    std::vector<x509_ptr> chain; // what leads to the root, as it stands in the file
    evp_pkey_ptr key;
};

/// Errors: open(2), read(2); invalid_argument with what is wrong: no PEM, an encrypted key (nobody
/// is asked for a password), a key of another certificate. The sentence names the conf's line and
/// the file.
[[nodiscard]] base::result<certificate> load_certificate(const certificate_files& files);

/// What works and is hardly meant, a sentence each: expired, soon to expire, not valid yet, a key
/// that everyone can read, server_names that it is not for.
[[nodiscard]] std::vector<std::string> doubts_about(const certificate& of,
                                                    const certificate_files& files,
                                                    const server_settings& server, std::time_t now);

/// "RSA", "ECDSA", "Ed25519": certificates of one server differ in it.
[[nodiscard]] const char* kind_of(const certificate& of) noexcept;

} // namespace postern::edge
