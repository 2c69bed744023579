// A tls_stream over one end of a socket pair, and OpenSSL as the client at the other.
#pragma once

#include "edge/settings/settings_loader.hpp"
#include "edge/tls/tls_stream.hpp"
#include "tests/unit/net/socket_pair.hpp"
#include "tests/unit/tls/pem_files.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>
#include <string_view>
#include <thread>

namespace postern::edge::testing {

/// OpenSSL on a blocking socket, which stays the pair's.
class tls_client {
  public:
    explicit tls_client(int socket, int version = TLS1_3_VERSION)
        : context_{SSL_CTX_new(TLS_client_method())} {
        SSL_CTX_set_min_proto_version(context_.get(), version);
        SSL_CTX_set_max_proto_version(context_.get(), version);
        ssl_ = SSL_new(context_.get());
        SSL_set_fd(ssl_, socket);
    }
    tls_client(const tls_client&) = delete;
    tls_client& operator=(const tls_client&) = delete;
    ~tls_client() {
        SSL_free(ssl_);
        ERR_clear_error();
    }

    bool connect(const std::string& name = {}) {
        if (!name.empty())
            // The macro for it has a cast of the old kind.
            SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(name.c_str()));
        return SSL_connect(ssl_) == 1;
    }
    void resume(SSL_SESSION* session) { SSL_set_session(ssl_, session); }
    [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_) == 1; }
    [[nodiscard]] SSL* get() const { return ssl_; }

    /// The certificate's CN.
    [[nodiscard]] std::string shown() const {
        const x509_ptr peer{SSL_get1_peer_certificate(ssl_)};
        char name[64] = "";
        if (peer)
            X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name,
                                      sizeof name);
        return name;
    }
    bool write(std::string_view bytes) const {
        std::size_t n = 0;
        return bytes.empty() || SSL_write_ex(ssl_, bytes.data(), bytes.size(), &n) == 1;
    }
    /// Up to the end or `bytes_max`.
    std::string read(std::size_t bytes_max = std::string::npos) const {
        std::string got;
        char bytes[16384];
        std::size_t n = 0;
        while (got.size() < bytes_max &&
               SSL_read_ex(ssl_, bytes, std::min(sizeof bytes, bytes_max - got.size()), &n) == 1)
            got.append(bytes, n);
        return got;
    }
    /// Whether the other side said that it has ended.
    [[nodiscard]] bool was_told_the_end() const {
        return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    }

  private:
    ssl_ctx_ptr context_;
    SSL* ssl_ = nullptr;
};

/// Servers a.test (the default), b.test (another certificate) and *.a.test (as a.test).
struct tls_server {
    pem_files files;
    ticket_keys keys = ticket_keys::make().value();
    settings conf;
    std::unique_ptr<tls_contexts> contexts;
    std::unique_ptr<tls_listeners> listeners;

    explicit tls_server(const std::string& more = {}) {
        files.make("a", "DNS:a.test,DNS:*.a.test");
        files.make("b", "DNS:b.test");
        conf = parse_settings("session_table t; store sqlite s; control { token_file k; } " + more +
                                  "server { listen 1443 ssl; server_name a.test;"
                                  "         ssl_certificate a.pem a.key; }"
                                  "server { listen 1443 ssl; server_name b.test;"
                                  "         ssl_certificate b.pem b.key; }"
                                  "server { listen 1443 ssl; server_name {x}.a.test;"
                                  "         ssl_certificate a.pem a.key; }",
                              files.path("p.conf"))
                   .value();
        load();
    }
    /// Again, as a reload does.
    void load() {
        listeners.reset();
        contexts = tls_contexts::load(conf, &keys, std::time(nullptr)).value();
        const auto choose = [this](std::size_t, std::string_view name) -> const server_settings& {
            if (name == "b.test")
                return conf.servers[1];
            return conf.servers[name.ends_with(".a.test") ? 2 : 0];
        };
        listeners = std::make_unique<tls_listeners>(
            conf, contexts.get(), std::vector{conf.servers[0].listens[0].address}, choose);
    }
    [[nodiscard]] const tls_listener& listener() const { return *listeners->at(0); }
};

} // namespace postern::edge::testing
