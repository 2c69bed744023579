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

/// What a scan stops at besides low bytes and 0x7f.
enum class also { nothing, colon, high, quoted }; // high: 0x80 and above; quoted: and '"', '\\'

#if defined(__SSE2__)
/// The first byte up to `Highest`, 0x7f, or what `Also` says, or `end`; 16 bytes a step.
template <unsigned char Highest, also Also>
[[nodiscard]] inline const char* find_stop(const char* at, const char* end) noexcept {
    const __m128i highest = _mm_set1_epi8(static_cast<char>(Highest));
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i x;
        std::memcpy(&x, at, 16);
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, highest), x);
        __m128i stop = _mm_or_si128(low, _mm_cmpeq_epi8(x, del));
        if constexpr (Also == also::colon)
            stop = _mm_or_si128(stop, _mm_cmpeq_epi8(x, _mm_set1_epi8(':')));
        if constexpr (Also == also::quoted)
            stop = _mm_or_si128(stop, _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                                   _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
        if constexpr (Also == also::high || Also == also::quoted)
            stop = _mm_or_si128(stop, x); // the mask is made of top bits
        const auto hit = static_cast<unsigned>(_mm_movemask_epi8(stop));
        if (hit != 0)
            return at + std::countr_zero(hit);
    }
#else
inline constexpr std::uint64_t every_byte = 0x0101010101010101U;
static_assert(std::endian::native == std::endian::little, "the scanner counts from the low byte");

/// The top bit of each zero byte, exact up to the lowest one: a borrow can only spoil bytes above.
[[nodiscard]] constexpr std::uint64_t zero_bytes(std::uint64_t x) noexcept {
    return (x - every_byte) & ~x;
}

/// The first byte up to `Highest`, 0x7f, or what `Also` says, or `end`; 8 bytes a step.
template <unsigned char Highest, also Also>
[[nodiscard]] inline const char* find_stop(const char* at, const char* end) noexcept {
    for (; end - at >= 8; at += 8) {
        std::uint64_t x;
        std::memcpy(&x, at, 8);
        std::uint64_t stop = (x - every_byte * (Highest + 1)) & ~x;
        stop |= zero_bytes(x ^ (every_byte * 0x7f));
        if constexpr (Also == also::colon)
            stop |= zero_bytes(x ^ (every_byte * ':'));
        if constexpr (Also == also::quoted)
            stop |= zero_bytes(x ^ (every_byte * '"')) | zero_bytes(x ^ (every_byte * '\\'));
        if constexpr (Also == also::high || Also == also::quoted)
            stop |= x;
        stop &= every_byte * 0x80;
        if (stop != 0)
            return at + std::countr_zero(stop) / 8;
    }
#endif
    for (; at != end; ++at) {
        const auto c = static_cast<unsigned char>(*at);
        if (c <= Highest || c == 0x7f || (Also == also::colon && c == ':') ||
            (Also == also::quoted && (c == '"' || c == '\\')) ||
            ((Also == also::high || Also == also::quoted) && c >= 0x80))
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
/// The first byte that no capture holds, or `end`.
[[nodiscard]] inline const char* find_capture_end(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    const auto within = [](__m128i bytes, char low, char high) { // of one range of bytes
        const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
        return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(static_cast<char>(high - low))),
                              above);
    };
    for (; end - at >= 16; at += 16) {
        __m128i x;
        std::memcpy(&x, at, 16);
        const auto is = [&](char c) { return _mm_cmpeq_epi8(x, _mm_set1_epi8(c)); };
        const __m128i letter = within(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z');
        const __m128i held =
            _mm_or_si128(_mm_or_si128(letter, within(x, '0', '9')),
                         _mm_or_si128(within(x, '-', '.'), _mm_or_si128(is('_'), is('~'))));
        const auto others = ~static_cast<unsigned>(_mm_movemask_epi8(held)) & 0xffffU;
        if (others != 0)
            return at + std::countr_zero(others);
    }
#endif
    while (at != end && is_capture_byte(*at))
        ++at;
    return at;
}
/// The first control byte (a tab is one, too), or `end`.
[[nodiscard]] inline const char* find_control(const char* at, const char* end) noexcept {
    return detail::find_stop<0x1f, detail::also::nothing>(at, end);
}
/// The first control byte but a tab, or `end`: where a field's value ends, or cannot go on.
[[nodiscard]] inline const char* find_value_end(const char* at, const char* end) noexcept {
    do {
        at = find_control(at, end);
    } while (at != end && *at == '\t' && ++at != end);
    return at;
}
/// The first control byte or space, or `end`.
[[nodiscard]] inline const char* find_control_or_space(const char* at, const char* end) noexcept {
    return detail::find_stop<0x20, detail::also::nothing>(at, end);
}
/// The first control byte, space or colon, or `end`: where a field's name ends, or cannot go on.
[[nodiscard]] inline const char* find_name_end(const char* at, const char* end) noexcept {
    return detail::find_stop<0x20, detail::also::colon>(at, end);
}
/// The first control byte, space or byte above 0x7f, or `end`: where a target ends, or cannot go
/// on.
[[nodiscard]] inline const char* find_target_end(const char* at, const char* end) noexcept {
    return detail::find_stop<0x20, detail::also::high>(at, end);
}
/// The first byte that does not stand for itself in a quoted text of a log: a control byte, '"',
/// '\\' or one above 0x7f; or `end`.
[[nodiscard]] inline const char* find_unprintable(const char* at, const char* end) noexcept {
    return detail::find_stop<0x1f, detail::also::quoted>(at, end);
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
