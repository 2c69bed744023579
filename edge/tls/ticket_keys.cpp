#include "edge/tls/ticket_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <atomic>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace postern::edge {
namespace {

constexpr std::size_t words = sizeof(ticket_key) / sizeof(std::uint64_t);
static_assert(sizeof(ticket_key) % sizeof(std::uint64_t) == 0);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// A rotation takes well under a microsecond: a reader that meets one looks again, but not for
/// ever.
constexpr int looks_max = 1000;

bool make_key(ticket_key& out) noexcept {
    return RAND_bytes(out.name.data(), static_cast<int>(out.name.size())) == 1 &&
           RAND_priv_bytes(out.cipher.data(), static_cast<int>(out.cipher.size())) == 1 &&
           RAND_priv_bytes(out.mac.data(), static_cast<int>(out.mac.size())) == 1;
}

} // namespace

/// What the processes share. Words, so that reading while the writer writes is no data race.
struct ticket_keys::shared {
    std::atomic<std::uint32_t> sequence{0};                              // odd: being written
    std::array<std::array<std::atomic<std::uint64_t>, words>, 2> keys{}; // present, before
};

base::result<ticket_keys> ticket_keys::make() {
    void* const page =
        ::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return base::failure{base::last_errno(), "no memory for TLS ticket keys"};
    // Best effort: without the right to lock memory it works as well.
    [[maybe_unused]] const int locked = ::mlock(page, sizeof(shared));
    [[maybe_unused]] const int left_out = ::madvise(page, sizeof(shared), MADV_DONTDUMP);
    ticket_keys made{new (page) shared};
    // Twice: the place of the key before must not hold one that can be guessed.
    if (!made.rotate() || !made.rotate())
        return base::failure{make_error_code(boost::system::errc::not_enough_memory),
                             "no random bytes for TLS ticket keys"};
    return made;
}

ticket_keys::ticket_keys(ticket_keys&& other) noexcept
    : shared_{std::exchange(other.shared_, nullptr)} {}

ticket_keys& ticket_keys::operator=(ticket_keys&& other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
}

ticket_keys::~ticket_keys() {
    if (shared_ != nullptr)
        ::munmap(shared_, sizeof(shared));
}

bool ticket_keys::rotate() noexcept {
    ticket_key fresh;
    if (!make_key(fresh))
        return false;
    std::array<ticket_key, 2> old{};
    [[maybe_unused]] const bool whole = read(old);
    const std::uint32_t sequence = shared_->sequence.load(std::memory_order_relaxed);
    shared_->sequence.store(sequence | 1U, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    put(1, old[0]);
    put(0, fresh);
    shared_->sequence.store((sequence | 1U) + 1, std::memory_order_release);
    forget(old[0]);
    forget(old[1]);
    forget(fresh);
    return true;
}

bool ticket_keys::present(ticket_key& out) const noexcept {
    std::array<ticket_key, 2> keys;
    const bool whole = read(keys);
    out = keys[0];
    forget(keys[0]);
    forget(keys[1]);
    return whole;
}

ticket_keys::found ticket_keys::find(const unsigned char* name, ticket_key& out) const noexcept {
    std::array<ticket_key, 2> keys;
    found where = found::nowhere;
    if (read(keys))
        for (std::size_t i = 0; i < keys.size() && where == found::nowhere; ++i)
            if (std::memcmp(keys[i].name.data(), name, keys[i].name.size()) == 0) {
                out = keys[i];
                where = i == 0 ? found::present : found::before;
            }
    forget(keys[0]);
    forget(keys[1]);
    return where;
}

void ticket_keys::put(std::size_t place, const ticket_key& key) noexcept {
    std::array<std::uint64_t, words> from{};
    std::memcpy(from.data(), &key, sizeof key);
    for (std::size_t i = 0; i < words; ++i)
        shared_->keys[place][i].store(from[i], std::memory_order_relaxed);
    OPENSSL_cleanse(from.data(), sizeof from);
}

bool ticket_keys::read(std::array<ticket_key, 2>& out) const noexcept {
    std::array<std::array<std::uint64_t, words>, 2> raw{};
    bool whole = false;
    for (int look = 0; look < looks_max && !whole; ++look) {
        const std::uint32_t before = shared_->sequence.load(std::memory_order_acquire);
        for (std::size_t place = 0; place < raw.size(); ++place)
            for (std::size_t i = 0; i < words; ++i)
                raw[place][i] = shared_->keys[place][i].load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        whole = before % 2 == 0 && shared_->sequence.load(std::memory_order_relaxed) == before;
    }
    std::memcpy(out.data(), raw.data(), sizeof raw);
    OPENSSL_cleanse(raw.data(), sizeof raw);
    return whole;
}

void forget(ticket_key& key) noexcept {
    OPENSSL_cleanse(&key, sizeof key);
}

} // namespace postern::edge
