// What all contenders are given alike: keys and records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::bench {

constexpr std::size_t key_bytes = 41; // "acme-" and a UUID

/// What a contender that knows nothing of routes keeps for one key.
struct record {
    std::uint64_t version = 0;
    char content[120] = {};
};

inline std::uint64_t mixed(std::uint64_t n) {
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

inline void key_into(std::uint64_t number, char* to) {
    constexpr char digits[] = "0123456789abcdef";
    const std::uint64_t words[] = {mixed(number + 1), mixed(~number)};
    std::string_view{"acme-"}.copy(to, 5);
    for (std::size_t i = 0, nibble = 0; i < 36; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        to[5 + i] = dash ? '-' : digits[(words[nibble / 16] >> (nibble % 16 * 4)) & 15];
        nibble += dash ? 0 : 1;
    }
}

inline std::string key_of(std::uint64_t number) {
    std::string key(key_bytes, '\0');
    key_into(number, key.data());
    return key;
}

/// All keys of a table once, in random order, laid out one after the other: the next key is always
/// near, as a request's is, and what a look-up misses is the table's alone.
class key_stream {
  public:
    explicit key_stream(std::uint64_t count) : count_{count}, text_(count * key_bytes) {
        std::vector<std::uint32_t> order(count);
        for (std::uint64_t i = 0; i < count; ++i)
            order[i] = static_cast<std::uint32_t>(i);
        for (std::uint64_t i = count - 1; i > 0; --i)
            std::swap(order[i], order[mixed(i) % (i + 1)]);
        for (std::uint64_t i = 0; i < count; ++i)
            key_into(order[i], text_.data() + i * key_bytes);
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::string_view operator[](std::uint64_t i) const {
        return {text_.data() + i * key_bytes, key_bytes};
    }

  private:
    std::uint64_t count_;
    std::vector<char> text_;
};

} // namespace postern::bench
