#include "edge/tls/tls_stream.hpp"

#include "edge/tls/tls_callbacks.hpp"
#include "edge/tls/tls_policy.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace postern::edge {
namespace {

/// Whether these bytes, all that is left to read, are one alert and no more: the end as TLS says it
/// (close_notify), in the clear or, in TLS 1.3, sealed as application data.
bool is_an_alert(std::string_view bytes) noexcept {
    constexpr std::size_t head_bytes = 5, alert_bytes = 2, type_byte = 1, tag_bytes = 16;
    constexpr std::size_t nonce_bytes = 8; // AES-GCM of TLS 1.2
    constexpr char alert = 21, data = 23;
    if (bytes.size() < head_bytes)
        return false;
    const std::size_t body = bytes.size() - head_bytes;
    if (bytes[0] == alert)
        return body <= alert_bytes + tag_bytes + nonce_bytes;
    return bytes[0] == data && body == alert_bytes + type_byte + tag_bytes;
}

} // namespace

void tls_stream::ssl_free::operator()(ssl_st* ssl) const noexcept {
    SSL_free(ssl);
}

tls_stream::tls_stream(event_loop& loop, base::unique_fd socket, const tls_listener& listener)
    : tcp_stream{loop, std::move(socket)}, listener_{listener} {
    policy_ = listener.contexts->of(listener.server_for({}));
    ssl_.reset(SSL_new(policy_->context.get()));
    if (!ssl_ || !tls_callbacks::attach(*this))
        throw std::bad_alloc{};
    SSL_set_accept_state(ssl_.get());
}

tls_stream::~tls_stream() {
    say_goodbye();
}

task<handshake> tls_stream::shake_hands(milliseconds within) {
    using clock = std::chrono::steady_clock;
    const clock::time_point end = clock::now() + within;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(end - clock::now());
        auto error = co_await readable(std::max(left, milliseconds{1}));
        if (error)
            co_return timed_out() ? handshake::late : handshake::cancelled;
        const read_result came = read_now({});
        if (established_)
            co_return SSL_session_reused(ssl_.get()) == 1 ? handshake::resumed : handshake::done;
        if (came.error) {
            broken_ = true;
            co_return is_plain_ ? handshake::plain_http
            : !began_           ? handshake::nothing
                                : handshake::failed;
        }
        while (!unsent_.empty()) {
            error = co_await until_writable(std::max(left, milliseconds{1}));
            if (error)
                co_return timed_out() ? handshake::late : handshake::cancelled;
            if (!flush())
                co_return handshake::failed;
        }
    }
}

void tls_stream::answer_in_the_clear(std::string_view bytes) noexcept {
    broken_ = true;
    [[maybe_unused]] const auto sent =
        ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool tls_stream::may_ask(const server_settings& server) const noexcept {
    return !named_ || listener_.contexts->of(server) == policy_;
}

bool tls_stream::peer_closed() noexcept {
    if (SSL_has_pending(ssl_.get()) == 1)
        return false;
    std::array<char, 64> bytes;
    const ssize_t n = ::recv(fd(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    if (n == 0)
        return true;
    if (!is_an_alert({bytes.data(), static_cast<std::size_t>(n)}))
        return false;
    pollfd end{fd(), POLLRDHUP, 0};
    return ::poll(&end, 1, 0) == 1;
}

void tls_stream::shutdown_send() noexcept {
    say_goodbye();
    tcp_stream::shutdown_send();
}

void tls_stream::abort() noexcept {
    broken_ = true;
    tcp_stream::abort();
}

ssize_t tls_stream::receive(std::span<char> into, bool& exhausted) noexcept {
    if (is_plain_) // what else comes is nobody's
        return discard();
    socket_drained_ = socket_said_so_ = false;
    if (!established_)
        return step(exhausted);
    std::size_t total = 0;
    while (total < into.size()) {
        ERR_clear_error();
        std::size_t n = 0;
        const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &n);
        if (!flush())
            broken_ = true;
        if (result != 1) {
            if (total == 0)
                return fail(result, exhausted);
            // What else it was, an end or an error, the next read is told: it must not wait for it.
            exhausted = SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
            ERR_clear_error();
            return static_cast<ssize_t>(total);
        }
        total += n;
        if (socket_drained_ && SSL_has_pending(ssl_.get()) == 0)
            break;
    }
    exhausted = socket_drained_ && SSL_has_pending(ssl_.get()) == 0;
    return static_cast<ssize_t>(total);
}

ssize_t tls_stream::discard() const noexcept {
    std::array<char, 4096> bytes;
    return ::recv(fd(), bytes.data(), bytes.size(), 0);
}

/// One step of the handshake, as receive(): 1 when it is done.
int tls_stream::step(bool& exhausted) noexcept {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    established_ = result == 1;
    // The last that is said in TLS 1.3's handshake is the tickets: they can wait for the answer.
    if (established_ && SSL_version(ssl_.get()) == TLS1_3_VERSION)
        hold_back();
    else if (!flush())
        return -1;
    if (!established_)
        return static_cast<int>(fail(result, exhausted));
    // What came behind the handshake, if anything, is the first request.
    exhausted = socket_drained_ && SSL_has_pending(ssl_.get()) == 0;
    return 1;
}

/// What an operation that was no success came to, as recv(2) would say it.
ssize_t tls_stream::fail(int result, bool& exhausted) noexcept {
    switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
        // That the socket is empty was seen, or taken from a short read: that leaves its end open.
        exhausted = true;
        errno = socket_said_so_ ? EAGAIN : EINTR;
        return -1;
    case SSL_ERROR_ZERO_RETURN: // close_notify
        peer_ended_ = true;
        return 0;
    default:
        break;
    }
    if (failure_.empty())
        failure_ = peer_ended_           ? "the client left"
                   : receive_error_ != 0 ? std::strerror(receive_error_)
                                         : openssl_complaint();
    ERR_clear_error();
    if (peer_ended_) // without a word: a stream may go on the other way
        return 0;
    broken_ = true;
    errno = receive_error_ != 0 ? receive_error_ : EPROTO;
    return -1;
}

void tls_stream::say_goodbye() noexcept {
    if (!established_ || broken_ || peer_ended_ || said_goodbye_ || !is_open())
        return;
    let_go();
    if (!unsent_.empty())
        return;
    said_goodbye_ = true;
    ERR_clear_error();
    [[maybe_unused]] const int result = SSL_shutdown(ssl_.get());
    [[maybe_unused]] const bool sent = flush();
}

} // namespace postern::edge
