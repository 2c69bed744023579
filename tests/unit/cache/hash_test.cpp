// The key hash against its published vectors, and the checksum against single flipped bits.
#include "cache/hash.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>
#include <vector>

namespace postern::cache {
namespace {

TEST(sip_hash, agrees_with_the_reference_vectors) {
    // SipHash-1-3, key 00 01 .. 0f, input 00 01 02 ... of the given length.
    const hash_key key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string input(64, '\0');
    std::iota(input.begin(), input.end(), '\0');
    const std::pair<std::size_t, std::uint64_t> vectors[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
        {8, 0x369095118d299a8e},  {9, 0x25a48eb36c063de4},  {15, 0xd320d86d2a519956},
        {21, 0xb992abfe2b45f844}, {63, 0x9d199062b7bbb3a8},
    };
    for (const auto& [bytes, expected] : vectors)
        EXPECT_EQ(sip_hash(key, {input.data(), bytes}), expected) << bytes;
}

TEST(sip_hash, depends_on_every_byte_the_length_and_the_key) {
    const std::string text = "acme-7f3c1c0e-58a4-4b7e-9d55-2f6f4b1c0a11";
    const std::uint64_t hash = sip_hash({1, 2}, text);
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string other = text;
        other[i] = static_cast<char>(other[i] ^ 1);
        EXPECT_NE(sip_hash({1, 2}, other), hash) << i;
    }
    EXPECT_NE(sip_hash({1, 2}, text + std::string(1, '\0')), hash);
    EXPECT_NE(sip_hash({1, 3}, text), hash);
    EXPECT_NE(sip_hash({2, 2}, text), hash);
}

TEST(checksum, changes_with_every_bit_and_with_the_seed) {
    for (const std::size_t count : {1U, 2U, 7U, 8U, 13U, 47U}) {
        std::vector<std::uint64_t> words(count, 0);
        for (const bool filled : {false, true}) {
            for (std::size_t i = 0; filled && i < count; ++i)
                words[i] = 0x9e3779b97f4a7c15 * (i + 1);
            const std::uint32_t sum = checksum32(words.data(), count, 5);
            EXPECT_NE(checksum32(words.data(), count, 6), sum);
            for (std::size_t bit = 0; bit < count * 64; ++bit) {
                words[bit / 64] ^= std::uint64_t{1} << (bit % 64);
                EXPECT_NE(checksum32(words.data(), count, 5), sum)
                    << count << " words, bit " << bit;
                words[bit / 64] ^= std::uint64_t{1} << (bit % 64);
            }
        }
    }
}

} // namespace
} // namespace postern::cache
