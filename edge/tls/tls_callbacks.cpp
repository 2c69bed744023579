#include "edge/tls/tls_callbacks.hpp"

#include "edge/http/authority.hpp"
#include "edge/tls/tls_policy.hpp"
#include "edge/tls/tls_stream.hpp"

#include <cerrno>
#include <sys/socket.h>

namespace postern::edge {
namespace {

tls_stream& stream_of(SSL* ssl) noexcept {
    return *static_cast<tls_stream*>(SSL_get_app_data(ssl));
}

/// The first host name of the client's server_name (RFC 6066 3), or an empty text. What is broken
/// in it is left to OpenSSL to refuse.
std::string_view name_in(SSL* ssl, bool& named) noexcept {
    constexpr std::size_t head_bytes = 5; // the list's length, the kind, the name's length
    const unsigned char* bytes = nullptr;
    std::size_t count = 0;
    named = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &count) == 1;
    if (!named || count < head_bytes || bytes[2] != TLSEXT_NAMETYPE_host_name)
        return {};
    const std::size_t name_bytes = static_cast<std::size_t>(bytes[3]) << 8U | bytes[4];
    if (name_bytes > count - head_bytes)
        return {};
    const std::string_view name{reinterpret_cast<const char*>(bytes) + head_bytes, name_bytes};
    const auto parts = read_authority(name);
    return parts && parts->port == 0 ? parts->host : std::string_view{};
}

/// SSL_set_SSL_CTX(3) takes over the certificates and what sessions may be resumed, not the rest.
void take_over(SSL* ssl, SSL_CTX* from) noexcept {
    SSL_set_SSL_CTX(ssl, from);
    SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_options(ssl, SSL_CTX_get_options(from));
    SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(from));
    SSL_set_min_proto_version(ssl, static_cast<int>(SSL_CTX_get_min_proto_version(from)));
    SSL_set_max_proto_version(ssl, static_cast<int>(SSL_CTX_get_max_proto_version(from)));
}

/// Whether a connection that starts with this byte can be HTTP. A ClientHello starts with 22.
bool may_be_http(char first) noexcept {
    return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z') || first == '\r' ||
           first == '\n';
}

} // namespace

bool tls_callbacks::attach(tls_stream& to) noexcept {
    // Once a process, never freed: connections may outlive every other owner.
    static BIO_METHOD* const kind = [] {
        BIO_METHOD* const made =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postern");
        if (made != nullptr) {
            BIO_meth_set_read_ex(made, read);
            BIO_meth_set_write_ex(made, write);
            BIO_meth_set_ctrl(made, control);
        }
        return made;
    }();
    BIO* const bio = kind != nullptr ? BIO_new(kind) : nullptr;
    if (bio == nullptr)
        return false;
    BIO_set_data(bio, &to);
    BIO_set_init(bio, 1);
    SSL_set_bio(to.ssl_.get(), bio, bio);
    SSL_set_app_data(to.ssl_.get(), &to);
    return true;
}

int tls_callbacks::read(BIO* bio, char* into, std::size_t room, std::size_t* got) noexcept {
    auto& stream = *static_cast<tls_stream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (stream.socket_drained_) { // in this very step: the socket would say the same again
        BIO_set_retry_read(bio);
        return 0;
    }
    ssize_t n;
    do
        n = ::recv(stream.fd(), into, room, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        stream.socket_drained_ = stream.socket_said_so_ = true;
        BIO_set_retry_read(bio);
        return 0;
    }
    if (n <= 0) {
        stream.peer_ended_ = n == 0;
        stream.receive_error_ = n == 0 ? 0 : errno;
        return 0;
    }
    // Less than asked for: nothing is left (epoll(7)).
    stream.socket_drained_ = static_cast<std::size_t>(n) < room;
    if (!std::exchange(stream.began_, true) && may_be_http(into[0])) {
        stream.is_plain_ = true;
        return 0;
    }
    *got = static_cast<std::size_t>(n);
    return 1;
}

int tls_callbacks::write(BIO* bio, const char* bytes, std::size_t count,
                         std::size_t* taken) noexcept {
    const auto& stream = *static_cast<tls_stream*>(BIO_get_data(bio));
    std::vector<char>& sealed = stream.listener_.scratch->sealed;
    try {
        sealed.insert(sealed.end(), bytes, bytes + count);
    } catch (const std::bad_alloc&) {
        *taken = 0;
        return 0;
    }
    *taken = count;
    return 1;
}

long tls_callbacks::control(BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int tls_callbacks::choose_by_name(SSL* ssl, int* alert, void*) noexcept {
    tls_stream& stream = stream_of(ssl);
    try {
        const tls_listener& listener = stream.listener_;
        const std::string_view name = name_in(ssl, stream.named_);
        const tls_policy* const policy = listener.contexts->of(listener.server_for(name));
        if (policy != nullptr && policy != stream.policy_) {
            take_over(ssl, policy->context.get());
            stream.policy_ = policy;
        }
        return SSL_CLIENT_HELLO_SUCCESS;
    } catch (const std::bad_alloc&) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
}

int tls_callbacks::choose_protocol(SSL* ssl, const unsigned char** chosen,
                                   unsigned char* chosen_bytes, const unsigned char* offered,
                                   unsigned offered_bytes, void*) noexcept {
    using namespace std::string_view_literals;
    tls_stream& stream = stream_of(ssl);
    const bool http2 = stream.listener_.http2;
    const std::string_view known =
        http2 ? "\x02h2\x08http/1.1\x08http/1.0"sv : "\x08http/1.1\x08http/1.0"sv;
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(
            &found, chosen_bytes, reinterpret_cast<const unsigned char*>(known.data()),
            static_cast<unsigned>(known.size()), offered, offered_bytes) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; // bytes of another protocol would be taken for HTTP
    *chosen = found;
    stream.http2_ = *chosen_bytes == 2;
    return SSL_TLSEXT_ERR_OK;
}

} // namespace postern::edge
