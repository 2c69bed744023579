// Byte classes of HTTP/1 (RFC 9110 5.6.2, 5.5; RFC 3986), many bytes a step where it pays.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace postern::edge {

namespace detail {
/// A table of 256 truths, made once by the compiler.
template <class Test>
consteval std::array<bool, 256> byte_class(Test test) {
    std::array<bool, 256> table{};
    for (unsigned c = 0; c < 256; ++c)
        table[c] = test(c);
    return table;
}

constexpr bool is_alnum(unsigned c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

inline constexpr auto token_bytes = byte_class([](unsigned c) {
    return is_alnum(c) || (c < 128 && std::string_view{"!#$%&'*+-.^_`|~"}.find(
                                          static_cast<char>(c)) != std::string_view::npos);
});
inline constexpr auto capture_bytes = byte_class(
    [](unsigned c) { return is_alnum(c) || c == '.' || c == '_' || c == '~' || c == '-'; });

#if defined(__SSE2__)
/// The first byte up to `Highest` or equal to 0x7f, or `end`; 16 bytes a step.
template <unsigned char Highest>
[[nodiscard]] inline const char* find_low_or_del(const char* at, const char* end) noexcept {
    const __m128i highest = _mm_set1_epi8(static_cast<char>(Highest));
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i x;
        std::memcpy(&x, at, 16);
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, highest), x);
        const auto hit =
            static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(x, del))));
        if (hit != 0)
            return at + std::countr_zero(hit);
    }
#else
inline constexpr std::uint64_t every_byte = 0x0101010101010101U;
static_assert(std::endian::native == std::endian::little, "the scanner counts from the low byte");

/// The first byte up to `Highest` or equal to 0x7f, or `end`; 8 bytes a step. The lowest bit that
/// the two tests set is always a true hit: a borrow can only spoil bytes above one.
template <unsigned char Highest>
[[nodiscard]] inline const char* find_low_or_del(const char* at, const char* end) noexcept {
    for (; end - at >= 8; at += 8) {
        std::uint64_t x;
        std::memcpy(&x, at, 8);
        const std::uint64_t low = (x - every_byte * (Highest + 1)) & ~x;
        const std::uint64_t y = x ^ (every_byte * 0x7f);
        const std::uint64_t del = (y - every_byte) & ~y;
        const std::uint64_t hit = (low | del) & (every_byte * 0x80);
        if (hit != 0)
            return at + std::countr_zero(hit) / 8;
    }
#endif
    for (; at != end; ++at) {
        const auto c = static_cast<unsigned char>(*at);
        if (c <= Highest || c == 0x7f)
            return at;
    }
    return end;
}
} // namespace detail

/// tchar of RFC 9110 5.6.2.
[[nodiscard]] inline bool is_token_byte(char c) noexcept {
    return detail::token_bytes[static_cast<unsigned char>(c)];
}
[[nodiscard]] inline bool is_token(std::string_view text) noexcept {
    for (const char c : text)
        if (!is_token_byte(c))
            return false;
    return !text.empty();
}
/// What a capture may hold: [A-Za-z0-9._~-].
[[nodiscard]] inline bool is_capture_byte(char c) noexcept {
    return detail::capture_bytes[static_cast<unsigned char>(c)];
}
/// The first control byte (a tab is one, too), or `end`.
[[nodiscard]] inline const char* find_control(const char* at, const char* end) noexcept {
    return detail::find_low_or_del<0x1f>(at, end);
}
/// The first control byte or space, or `end`.
[[nodiscard]] inline const char* find_control_or_space(const char* at, const char* end) noexcept {
    return detail::find_low_or_del<0x20>(at, end);
}
[[nodiscard]] inline bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}
[[nodiscard]] inline bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
[[nodiscard]] inline char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
/// Without spaces and tabs at either end.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

/// Calls `visit` with each non-empty member of a comma-separated list (RFC 9110 5.6.1) until it
/// answers false.
template <class Visit>
void for_each_member(std::string_view list, Visit&& visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view member = trimmed(list.substr(0, comma));
        if (!member.empty() && !visit(member))
            return;
        if (comma == std::string_view::npos)
            return;
        list.remove_prefix(comma + 1);
    }
}

} // namespace postern::edge
