// Two hashes: SipHash-1-3 of route keys, and a fast checksum of slots and headers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace postern::cache {

struct hash_key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
};

static_assert(std::endian::native == std::endian::little, "SipHash reads words so");

/// SipHash-1-3 (Aumasson and Bernstein; one compression round, three final ones): without the key
/// nobody can find route keys that share a bucket.
[[nodiscard]] inline std::uint64_t sip_hash(hash_key key, std::string_view text) noexcept {
    std::uint64_t v0 = key.low ^ 0x736f6d6570736575;
    std::uint64_t v1 = key.high ^ 0x646f72616e646f6d;
    std::uint64_t v2 = key.low ^ 0x6c7967656e657261;
    std::uint64_t v3 = key.high ^ 0x7465646279746573;
    const auto round = [&] {
        v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
        v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
        v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
        v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
    };
    const auto take = [&](std::uint64_t word) {
        v3 ^= word;
        round();
        v0 ^= word;
    };
    const char* at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        take(word);
    }
    std::uint64_t last = 0;
    if (left != 0 && text.size() >= 8) { // the text's last eight bytes, less those taken already
        std::memcpy(&last, at + left - 8, 8);
        last >>= 8 * (8 - left);
    } else if (left != 0) {
        std::memcpy(&last, at, left);
    }
    take(last | std::uint64_t{text.size()} << 56);
    v2 ^= 0xff;
    round(), round(), round();
    return v0 ^ v1 ^ v2 ^ v3;
}

/// Detects damage, not malice: folds 128-bit products of pairs of words. Any single flipped bit
/// changes the result but for one chance in 2^32 once it is cut to 32 bits.
[[nodiscard]] inline std::uint64_t checksum64(const std::uint64_t* words, std::size_t count,
                                              std::uint64_t seed) noexcept {
    __extension__ using wide = unsigned __int128;
    const auto folded = [](std::uint64_t a, std::uint64_t b) {
        const wide product = static_cast<wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    std::uint64_t sum = seed ^ 0x9e3779b97f4a7c15 ^ (std::uint64_t{count} << 32);
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2)
        sum = folded(words[i] ^ 0xa0761d6478bd642f, words[i + 1] ^ sum);
    if (i < count)
        sum = folded(words[i] ^ 0xe7037ed1a0b428db, sum);
    return folded(sum ^ 0x8ebc6af09c88c6e3, 0x589965cc75374cc3);
}

[[nodiscard]] inline std::uint32_t checksum32(const std::uint64_t* words, std::size_t count,
                                              std::uint64_t seed) noexcept {
    const std::uint64_t sum = checksum64(words, count, seed);
    return static_cast<std::uint32_t>(sum ^ (sum >> 32));
}

} // namespace postern::cache
