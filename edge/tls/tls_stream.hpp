// A client's connection with TLS: records in the place of plain bytes, the rest as tcp_stream.
#pragma once

#include "edge/net/tcp_stream.hpp"
#include "edge/tls/tls_listeners.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_st; // OpenSSL's SSL

namespace postern::edge {

/// How a handshake went.
enum class handshake {
    done,
    resumed,    // done, the short way
    nothing,    // the client went before it had sent a byte
    plain_http, // it does not speak TLS, but what it sent looks like HTTP
    late,
    cancelled,
    failed, // tls_stream::failure() says why
};

/// The server's side of TLS over one socket. First comes the handshake, then it is a stream. One
/// recv(2) for each step that reads and one send(2) for up to 64 KiB that are written: OpenSSL sees
/// memory, not the socket. What the socket does not take is kept, sealed, until it does; nothing is
/// taken on meanwhile. An end of the peer's that TLS knows nothing of (truncation) reads as its
/// end: whoever relies on the end of a body counts its bytes.
class tls_stream : public tcp_stream {
  public:
    tls_stream(event_loop& loop, base::unique_fd socket, const tls_listener& listener);
    /// Tells the peer that this is the end (close_notify), as far as the socket takes it, unless
    /// the stream is broken or the peer has ended itself.
    ~tls_stream() override;

    /// Requires: it is the first operation, and is not repeated.
    [[nodiscard]] task<handshake> shake_hands(milliseconds within);
    /// Why the handshake failed, in OpenSSL's words.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    /// Sends bytes as they are, in place of a handshake that cannot be, as far as the socket takes
    /// them.
    void answer_in_the_clear(std::string_view bytes) noexcept;

    /// Whether a request for `server` may come over this connection: the client named no server, or
    /// it named one that shows the same certificates (RFC 9110 7.4).
    [[nodiscard]] bool may_ask(const server_settings& server) const noexcept;
    /// Whether HTTP/2 was agreed on (ALPN).
    [[nodiscard]] bool speaks_http2() const noexcept { return http2_; }

    using stream::write_all;
    [[nodiscard]] task<base::error_code> write_all(std::string_view first, std::string_view second,
                                                   std::string_view third,
                                                   milliseconds within) override;
    [[nodiscard]] bool write_now(std::string_view& bytes) noexcept override;
    [[nodiscard]] task<base::error_code>
    send_file(int file, std::uint64_t offset, std::uint64_t length, milliseconds within) override;
    [[nodiscard]] tcp_stream* plain() noexcept override { return nullptr; }
    [[nodiscard]] bool peer_closed() noexcept override;
    void shutdown_send() noexcept override;
    void abort() noexcept override;

  protected:
    [[nodiscard]] ssize_t receive(std::span<char> into, bool& exhausted) noexcept override;
    [[nodiscard]] ssize_t send(std::span<const std::string_view> pieces) noexcept override;

  private:
    friend struct tls_callbacks;
    struct ssl_free {
        void operator()(ssl_st* ssl) const noexcept;
    };

    [[nodiscard]] ssize_t discard() const noexcept;
    [[nodiscard]] int step(bool& exhausted) noexcept;
    [[nodiscard]] ssize_t fail(int result, bool& exhausted) noexcept;
    [[nodiscard]] bool seal(std::string_view bytes) noexcept;
    [[nodiscard]] bool seal(std::span<const std::string_view> pieces, std::size_t bytes) noexcept;
    [[nodiscard]] bool flush() noexcept;
    void hold_back() noexcept;
    void let_go() noexcept;
    void say_goodbye() noexcept;

    const tls_listener& listener_;
    std::unique_ptr<ssl_st, ssl_free> ssl_;
    const tls_policy* policy_ = nullptr;
    std::string unsent_; // sealed, what the socket did not take
    std::string failure_;
    int receive_error_ = 0;       // errno of the last recv(2) that was no success
    bool socket_drained_ = false; // the last recv(2) of this step took all there was,
    bool socket_said_so_ = false; // by EAGAIN
    bool established_ = false;
    bool named_ = false; // the client said which server it wants (SNI)
    bool http2_ = false;
    bool began_ = false; // a byte has come
    bool is_plain_ = false;
    bool peer_ended_ = false;
    bool broken_ = false; // nothing more can be said
    bool said_goodbye_ = false;
    bool held_back_ = false; // `unsent_` has not been offered to the socket yet
};

} // namespace postern::edge
