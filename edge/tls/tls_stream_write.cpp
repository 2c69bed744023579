// The way out: pieces into records, records to the socket.
#include "edge/net/pieces.hpp"
#include "edge/tls/openssl.hpp"
#include "edge/tls/tls_stream.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace postern::edge {
namespace {

constexpr std::size_t record_bytes = tls_scratch::record_bytes;
static_assert(record_bytes == SSL3_RT_MAX_PLAIN_LENGTH);
constexpr std::size_t step_bytes = 4 * record_bytes; // sealed at a time, for one send(2)
/// Of sealed bytes that wait for the socket. Only what OpenSSL says of its own accord (answers to
/// key updates) can add to one step's.
constexpr std::size_t unsent_max = 2 * step_bytes;

} // namespace

task<base::error_code> tls_stream::write_all(std::string_view first, std::string_view second,
                                             std::string_view third, milliseconds within) {
    std::array<std::string_view, 3> pieces{first, second, third};
    while (size_of(pieces) > 0 || !unsent_.empty()) {
        const ssize_t n = send(pieces);
        if (n < 0 && errno != EAGAIN)
            co_return base::last_errno();
        drop_front(pieces, n < 0 ? 0 : static_cast<std::size_t>(n));
        if (unsent_.empty())
            continue;
        const auto error = co_await until_writable(within);
        if (error)
            co_return error;
    }
    co_return base::error_code{};
}

bool tls_stream::write_now(std::string_view& bytes) noexcept {
    return tcp_stream::write_now(bytes) && unsent_.empty();
}

task<base::error_code> tls_stream::send_file(int file, std::uint64_t offset, std::uint64_t length,
                                             milliseconds within) {
    // Reads and writes; a socket's own way would go past the encryption.
    // NOLINTNEXTLINE(bugprone-parent-virtual-call)
    return stream::send_file(file, offset, length, within);
}

ssize_t tls_stream::send(std::span<const std::string_view> pieces) noexcept {
    if (broken_ || said_goodbye_) {
        errno = EPIPE;
        return -1;
    }
    let_go();
    if (!unsent_.empty() && !flush())
        return -1;
    if (!unsent_.empty()) {
        errno = EAGAIN;
        return -1;
    }
    const std::size_t bytes = std::min(size_of(pieces), step_bytes);
    if (!seal(pieces, bytes)) {
        listener_.scratch->sealed.clear();
        broken_ = true;
        errno = EPROTO;
        return -1;
    }
    return flush() ? static_cast<ssize_t>(bytes) : -1;
}

/// What is sealed goes out with what follows.
void tls_stream::hold_back() noexcept {
    std::vector<char>& sealed = listener_.scratch->sealed;
    held_back_ = !sealed.empty();
    unsent_.assign(sealed.begin(), sealed.end());
    sealed.clear();
}

void tls_stream::let_go() noexcept {
    if (!std::exchange(held_back_, false))
        return;
    listener_.scratch->sealed.assign(unsent_.begin(), unsent_.end());
    unsent_.clear();
}

bool tls_stream::seal(std::string_view bytes) noexcept {
    ERR_clear_error();
    std::size_t n = 0;
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n) == 1 && n == bytes.size();
}

/// Seals the first `bytes` of the pieces in full records: short pieces share one.
bool tls_stream::seal(std::span<const std::string_view> pieces, std::size_t bytes) noexcept {
    std::vector<char>& joined = listener_.scratch->joined;
    std::size_t held = 0; // bytes in `joined`
    for (std::string_view piece : pieces) {
        piece = piece.substr(0, bytes);
        bytes -= piece.size();
        while (!piece.empty()) {
            // In one piece from here on, or on a record's border: no copy.
            const bool as_it_is = held == 0 && (bytes == 0 || piece.size() >= record_bytes);
            if (as_it_is) {
                const std::size_t whole =
                    bytes == 0 ? piece.size() : piece.size() / record_bytes * record_bytes;
                if (!seal(piece.substr(0, whole)))
                    return false;
                piece.remove_prefix(whole);
                continue;
            }
            const std::size_t part = std::min(piece.size(), record_bytes - held);
            std::memcpy(joined.data() + held, piece.data(), part);
            held += part;
            piece.remove_prefix(part);
            const bool complete = held == record_bytes || (piece.empty() && bytes == 0);
            if (complete && !seal(std::string_view{joined.data(), std::exchange(held, 0)}))
                return false;
        }
    }
    return held == 0 || seal(std::string_view{joined.data(), held});
}

/// What is sealed goes to the socket; what that does not take is kept. False: the connection is
/// gone (errno).
bool tls_stream::flush() noexcept {
    std::vector<char>& sealed = listener_.scratch->sealed;
    if (held_back_ && sealed.empty())
        return true;
    held_back_ = false;
    if (!unsent_.empty()) {
        unsent_.append(sealed.begin(), sealed.end());
        sealed.clear();
    }
    const std::string_view all = unsent_.empty() ? std::string_view{sealed.data(), sealed.size()}
                                                 : std::string_view{unsent_};
    std::string_view left = all;
    bool good = true;
    while (!left.empty()) {
        const ssize_t n = ::send(fd(), left.data(), left.size(), MSG_NOSIGNAL);
        if (n > 0) {
            left.remove_prefix(static_cast<std::size_t>(n));
            taken(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            good = errno == EAGAIN || errno == EWOULDBLOCK;
            break;
        }
    }
    if (!good || left.size() > unsent_max) {
        if (good)
            errno = ENOBUFS;
        sealed.clear();
        broken_ = true;
        return false;
    }
    if (unsent_.empty())
        unsent_.assign(left);
    else
        unsent_.erase(0, unsent_.size() - left.size());
    if (unsent_.empty() && unsent_.capacity() > sizeof(std::string))
        std::string{}.swap(unsent_); // an idle connection keeps nothing
    sealed.clear();
    return true;
}

} // namespace postern::edge
