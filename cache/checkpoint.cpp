#include "cache/checkpoint.hpp"

#include "base/check.hpp"
#include "cache/table_view.hpp"

#include <array>
#include <cstring>

namespace postern::cache {
namespace {

// A copy taken out of the file: generation, bytes, text.
struct private_copy {
    std::array<std::uint64_t, 2 + checkpoint_bytes_max / 8> words{};

    std::uint64_t generation() const { return words[0]; }
    std::uint64_t bytes() const { return words[1]; }
    std::size_t used_words() const { return 2 + (bytes() + 7) / 8; }
    std::uint64_t checksum() const { return checksum64(words.data(), used_words(), table_magic); }
};

/// False when the copy is damaged, half written or has never been written.
bool take(checkpoint_copy& from, private_copy& to) {
    to.words[0] = load_acquire(from.generation);
    to.words[1] = load_acquire(from.bytes);
    if (to.generation() == 0 || to.bytes() > checkpoint_bytes_max)
        return false;
    for (std::size_t i = 2; i < to.used_words(); ++i)
        to.words[i] = load_acquire(from.text[i - 2]);
    return load_acquire(from.checksum) == to.checksum();
}

struct both_copies {
    std::array<private_copy, 2> copies;
    std::array<bool, 2> good{};

    explicit both_copies(file_header& header) {
        for (std::size_t i = 0; i < 2; ++i)
            good[i] = take(header.checkpoints[i], copies[i]);
    }
    /// Which one is the newest good one; 2: none.
    std::size_t newest() const {
        if (good[0] && good[1])
            return copies[0].generation() > copies[1].generation() ? 0 : 1;
        return good[0] ? 0 : good[1] ? 1 : 2;
    }
};

} // namespace

void write_checkpoint(file_header& header, std::string_view text) noexcept {
    POSTERN_CHECK(text.size() <= checkpoint_bytes_max);
    const both_copies old{header};
    const std::size_t newest = old.newest();
    private_copy next;
    next.words[0] = newest == 2 ? 1 : old.copies[newest].generation() + 1;
    next.words[1] = text.size();
    if (!text.empty())
        std::memcpy(next.words.data() + 2, text.data(), text.size());
    checkpoint_copy& to = header.checkpoints[newest == 0 ? 1 : 0];
    store_release(to.generation, next.generation());
    store_release(to.bytes, next.bytes());
    for (std::size_t i = 2; i < next.used_words(); ++i)
        store_release(to.text[i - 2], next.words[i]);
    store_release(to.checksum, next.checksum());
}

std::string read_checkpoint(file_header& header) {
    const both_copies old{header};
    const std::size_t newest = old.newest();
    if (newest == 2)
        return {};
    const private_copy& copy = old.copies[newest];
    return {reinterpret_cast<const char*>(copy.words.data() + 2), copy.bytes()};
}

int damaged_checkpoints(file_header& header) {
    const both_copies old{header};
    int damaged = 0;
    for (std::size_t i = 0; i < 2; ++i)
        damaged += !old.good[i] && old.copies[i].generation() != 0 ? 1 : 0;
    return damaged;
}

void forget_checkpoint(file_header& header) noexcept {
    for (checkpoint_copy& copy : header.checkpoints)
        store_release(copy.generation, 0);
}

} // namespace postern::cache
