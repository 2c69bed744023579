#include "edge/tls/tls_policy.hpp"

#include "edge/tls/tls_callbacks.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

namespace postern::edge {
namespace {

base::failure fault(const std::string& source, const char* directive, const std::string& reason) {
    return {make_error_code(boost::system::errc::invalid_argument),
            fmt::format("{}: directive \"{}\": {}", source, directive, reason)};
}

bool set_up_cipher(EVP_CIPHER_CTX* cipher, const ticket_key& key, const unsigned char* iv,
                   bool sealing) noexcept {
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv,
                             sealing ? 1 : 0) == 1;
}

bool set_up_mac(EVP_MAC_CTX* mac, ticket_key& key) noexcept {
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): what each of the numbers means stands there.
int take_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int sealing) noexcept {
    constexpr int failed = -1, no_ticket = 0, good = 1, good_but_renew = 2;
    const auto* const policy =
        static_cast<const tls_policy*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    ticket_key key;
    int answer = good;
    if (sealing != 0) {
        if (!policy->keys->present(key))
            return no_ticket;
        std::memcpy(name, key.name.data(), key.name.size());
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            answer = failed;
    } else {
        switch (policy->keys->find(name, key)) {
        case ticket_keys::found::nowhere:
            return no_ticket;
        case ticket_keys::found::before:
            answer = good_but_renew;
            break;
        case ticket_keys::found::present:
            break;
        }
    }
    if (answer != failed &&
        (!set_up_cipher(cipher, key, iv, sealing != 0) || !set_up_mac(mac, key)))
        answer = failed;
    forget(key);
    return answer;
}

/// Which sessions may be taken up here: those made with the same certificates, versions and
/// ciphers. Not by the server's name: a wildcard certificate's servers resume each other's
/// sessions, and browsers ask each for its own name.
bool set_session_context(SSL_CTX* context, const std::string& identity) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    static_assert(SSL_MAX_SID_CTX_LENGTH == 32);
    return EVP_Digest(identity.data(), identity.size(), digest.data(), nullptr, EVP_sha256(),
                      nullptr) == 1 &&
           SSL_CTX_set_session_id_context(context, digest.data(), SSL_MAX_SID_CTX_LENGTH) == 1;
}

void set_versions(SSL_CTX* context, const tls_settings& how) noexcept {
    SSL_CTX_set_min_proto_version(context, how.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, how.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    // A client that puts ChaCha20 first has no AES in its processor.
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // One record that is not there in full must not keep 16 KiB of an idle connection's; a small
    // one takes one recv(2), not one for its head and one for the rest.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_early_data(context, 0); // replayed requests (RFC 8446 8)
}

void set_tickets(SSL_CTX* context, const tls_settings& how, const ticket_keys* keys,
                 std::chrono::milliseconds rotation) noexcept {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!how.tickets || keys == nullptr) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        return;
    }
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, take_ticket_key);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(rotation).count();
    SSL_CTX_set_timeout(context, static_cast<long>(seconds));
}

base::result<void> show(SSL_CTX* context, const tls_settings& how,
                        const std::vector<certificate>& shown) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const certificate& one = shown[i];
        const std::string& source = how.certificates[i].source;
        for (std::size_t before = 0; before < i; ++before)
            if (EVP_PKEY_get_base_id(shown[before].key.get()) ==
                EVP_PKEY_get_base_id(one.key.get()))
                return fault(source, "ssl_certificate",
                             fmt::format("{} and {} are both {}; several certificates of a server "
                                         "are of different kinds, such as RSA and ECDSA",
                                         how.certificates[before].chain, how.certificates[i].chain,
                                         kind_of(one)));
        bool good = SSL_CTX_use_certificate(context, one.leaf.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context, one.key.get()) == 1;
        for (const x509_ptr& above : one.chain)
            good = good && SSL_CTX_add1_chain_cert(context, above.get()) == 1;
        if (!good)
            return fault(source, "ssl_certificate",
                         fmt::format("{} cannot be used ({})", how.certificates[i].chain,
                                     openssl_complaint()));
    }
    return {};
}

} // namespace

std::string identity_of(const tls_settings& how, const std::vector<certificate>& shown) {
    std::string identity =
        fmt::format("{} {} {} {}", how.tls12, how.tls13, how.tickets, how.ciphers);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned bytes = 0;
    for (const certificate& c : shown)
        if (X509_digest(c.leaf.get(), EVP_sha256(), digest.data(), &bytes) == 1)
            identity.append(digest.begin(), digest.begin() + bytes);
    return identity;
}

base::result<std::unique_ptr<tls_policy>> make_policy(const tls_settings& how,
                                                      const std::vector<certificate>& shown,
                                                      const ticket_keys* keys,
                                                      std::chrono::milliseconds rotation) {
    ERR_clear_error();
    auto made = std::make_unique<tls_policy>();
    made->keys = keys;
    made->context.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = made->context.get();
    const auto no_memory = make_error_code(boost::system::errc::not_enough_memory);
    if (context == nullptr)
        return base::failure{no_memory, "OpenSSL does not start: " + openssl_complaint()};
    SSL_CTX_set_app_data(context, made.get());
    set_versions(context, how);
    set_tickets(context, how, keys, rotation);
    if (SSL_CTX_set_cipher_list(context, how.ciphers.c_str()) != 1)
        return fault(
            how.ciphers_source, "ssl_ciphers",
            fmt::format("OpenSSL takes none of {} ({})", how.ciphers, openssl_complaint()));
    // The lighter AES first: both are beyond reach, and one of them is cheaper.
    const bool good = SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:"
                                                        "TLS_AES_256_GCM_SHA384:"
                                                        "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                      SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1 &&
                      set_session_context(context, identity_of(how, shown));
    if (!good)
        return base::failure{no_memory, "OpenSSL: " + openssl_complaint()};
    if (const auto done = show(context, how, shown); !done)
        return done.error();
    SSL_CTX_set_client_hello_cb(context, tls_callbacks::choose_by_name, nullptr);
    SSL_CTX_set_alpn_select_cb(context, tls_callbacks::choose_protocol, nullptr);
    return made;
}

} // namespace postern::edge
