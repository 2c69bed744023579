// OpenSSL's objects with owners, and its errors as text. For the sources of edge/tls alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace postern::edge {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using evp_pkey_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;

/// What OpenSSL complained of last, in its words; empties its list. Never empty.
[[nodiscard]] std::string openssl_complaint();

} // namespace postern::edge
