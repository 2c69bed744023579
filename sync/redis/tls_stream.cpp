// TLS to a Redis server, by OpenSSL.
#include "base/ip_endpoint.hpp"
#include "sync/redis/byte_stream.hpp"
#include "sync/redis/redis_error.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <poll.h>

namespace postern::sync::redis {
namespace {

using base::failure;
using base::result;
using base::unique_fd;

using context_handle = std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)>;
using ssl_handle = std::unique_ptr<SSL, decltype(&::SSL_free)>;

failure failed(std::string_view what) {
    const unsigned long code = ::ERR_get_error();
    ::ERR_clear_error();
    const char* const reason = code != 0 ? ::ERR_reason_error_string(code) : nullptr;
    return {redis_error::away,
            fmt::format("{}: {}", what, reason != nullptr ? reason : "the connection broke")};
}

class tls_stream final : public byte_stream {
  public:
    tls_stream(unique_fd socket, context_handle context, ssl_handle ssl, int stop_fd)
        : socket_{std::move(socket)}, context_{std::move(context)}, ssl_{std::move(ssl)},
          stop_fd_{stop_fd} {}

    result<void> shake_hands(deadline until) {
        const auto done = repeat(until, [this] { return ::SSL_connect(ssl_.get()); });
        if (done)
            return {};
        const long verdict = ::SSL_get_verify_result(ssl_.get());
        if (verdict != X509_V_OK)
            return failure{redis_error::away,
                           fmt::format("its certificate is not trusted: {}",
                                       ::X509_verify_cert_error_string(verdict))};
        if (done.error().code == redis_error::stopped)
            return done.error();
        return failure{done.error().code, fmt::format("{}; is it a port without TLS? redis:// is "
                                                      "for those",
                                                      done.error().what)};
    }
    result<std::size_t> read_some(std::span<char> into, deadline until) override {
        const auto got = repeat(until, [&] {
            return ::SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
        });
        if (!got)
            return got.error();
        return static_cast<std::size_t>(*got);
    }
    result<void> write(std::string_view bytes, deadline until) override {
        while (!bytes.empty()) {
            constexpr std::size_t piece = 1U << 20;
            const auto sent = repeat(until, [&] {
                return ::SSL_write(ssl_.get(), bytes.data(),
                                   static_cast<int>(std::min(bytes.size(), piece)));
            });
            if (!sent)
                return sent.error();
            bytes.remove_prefix(static_cast<std::size_t>(*sent));
        }
        return {};
    }

  private:
    /// What a step returns that is more than 0; waits for what OpenSSL wants in between.
    template <class Step>
    result<int> repeat(deadline until, Step step) {
        for (;;) {
            ::ERR_clear_error();
            const int done = step();
            if (done > 0)
                return done;
            const int why = ::SSL_get_error(ssl_.get(), done);
            if (why == SSL_ERROR_ZERO_RETURN)
                return failure{redis_error::away, "it has closed the connection"};
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                return failed("TLS");
            auto ready = wait_for(socket_.get(), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
                                  stop_fd_, until);
            if (!ready)
                return ready.error();
        }
    }

    const unique_fd socket_;
    const context_handle context_;
    const ssl_handle ssl_;
    const int stop_fd_;
};

/// OpenSSL writes without MSG_NOSIGNAL; the thread is a feed's own.
void keep_out_of_broken_pipes() {
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

} // namespace

result<std::unique_ptr<byte_stream>> open_tls(unique_fd socket, const server_options& to,
                                              int stop_fd, deadline until) {
    keep_out_of_broken_pipes();
    context_handle context{::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free};
    if (!context)
        return failed("TLS");
    ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_mode(context.get(),
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const int known =
        to.ca_file.empty()
            ? ::SSL_CTX_set_default_verify_paths(context.get())
            : ::SSL_CTX_load_verify_locations(context.get(), to.ca_file.c_str(), nullptr);
    if (known != 1)
        return failed(to.ca_file.empty() ? "the system's certificates cannot be read"
                                         : fmt::format("{} cannot be read", to.ca_file));
    ssl_handle ssl{::SSL_new(context.get()), ::SSL_free};
    if (!ssl || ::SSL_set_fd(ssl.get(), socket.get()) != 1)
        return failed("TLS");
    int named = 0;
    if (base::ip_address::parse(to.host)) {
        named = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), to.host.c_str());
    } else {
        named = ::SSL_set1_host(ssl.get(), to.host.c_str());
        ::SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   const_cast<char*>(to.host.c_str()));
    }
    if (named != 1)
        return failed("TLS");
    auto made = std::make_unique<tls_stream>(std::move(socket), std::move(context), std::move(ssl),
                                             stop_fd);
    if (auto done = made->shake_hands(until); !done)
        return done.error();
    return std::unique_ptr<byte_stream>{std::move(made)};
}

} // namespace postern::sync::redis
