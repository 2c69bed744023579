// Paths that two readers could take for different places: refused before any place is chosen.
#include "base/percent.hpp"
#include "edge/http/scan.hpp"
#include "edge/request/locate.hpp"

namespace postern::edge {
namespace {

/// Bytes that need no closer look, but for a '.' behind a '/'.
constexpr auto plain_path_bytes =
    detail::byte_class([](unsigned c) { return c > 0x20 && c != 0x7f && c != '%' && c != '\\'; });

/// Bytes that are never refused and start no separator.
constexpr auto harmless = detail::byte_class(
    [](unsigned c) { return c > 0x20 && c != 0x7f && c != '/' && c != '%' && c != '\\'; });

/// Whether the bytes at `at` are a percent-encoding of `hex` ("2e"), in either case.
bool is_encoded(std::string_view path, std::size_t at, const char (&hex)[3]) noexcept {
    return at + 2 < path.size() && path[at] == '%' && path[at + 1] == hex[0] &&
           to_lower(path[at + 2]) == hex[1];
}

/// Bytes of a dot, plain or encoded, at `at`; 0: none.
std::size_t dot_bytes(std::string_view path, std::size_t at) noexcept {
    if (at < path.size() && path[at] == '.')
        return 1;
    return is_encoded(path, at, "2e") ? 3 : 0;
}

/// Bytes of whatever some server takes for a path separator, at `at`; 0: none.
std::size_t separator_bytes(std::string_view path, std::size_t at) noexcept {
    if (at < path.size() && (path[at] == '/' || path[at] == '\\'))
        return 1;
    return is_encoded(path, at, "2f") || is_encoded(path, at, "5c") ? 3 : 0;
}

/// Whether a segment "." or ".." starts at `at`. "..;x" counts: some servers cut what follows ';'.
bool is_dot_segment(std::string_view path, std::size_t at) noexcept {
    const std::size_t first = dot_bytes(path, at);
    if (first == 0)
        return false;
    at += first;
    at += dot_bytes(path, at);
    return at == path.size() || path[at] == ';' || is_encoded(path, at, "3b") ||
           separator_bytes(path, at) > 0;
}

/// The whole rule, byte by byte.
const char* refuse_slowly(std::string_view path) noexcept {
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (harmless[static_cast<unsigned char>(path[i])])
            continue;
        const std::size_t separator = separator_bytes(path, i);
        if (separator == 0) {
            if (path[i] != '%')
                return "a control byte in the path";
            const int byte = base::escaped_byte(path, i);
            if (byte < 0)
                return "a '%' without two hexadecimal digits in the path";
            if (byte == 0)
                return "an escaped NUL in the path";
            continue;
        }
        if (path[i] == '\\')
            return "a backslash in the path";
        if (is_dot_segment(path, i + separator))
            return "a dot segment in the path";
    }
    return nullptr;
}

/// Whether a path has any of what `refuse_path` looks closer at: a control byte, space, '%', '\\',
/// or a '.' behind a '/'.
bool may_be_refused(std::string_view path) noexcept {
    std::size_t at = 0;
#if defined(__SSE2__)
    const __m128i highest = _mm_set1_epi8(0x20);
    const auto has_any = [&](const char* from) { // of the 16 bytes behind `from`
        __m128i before, x;
        std::memcpy(&before, from, 16);
        std::memcpy(&x, from + 1, 16);
        const auto is = [](__m128i what, char c) { return _mm_cmpeq_epi8(what, _mm_set1_epi8(c)); };
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, highest), x);
        const __m128i odd = _mm_or_si128(_mm_or_si128(is(x, '%'), is(x, '\\')), is(x, 0x7f));
        const __m128i dot = _mm_and_si128(is(before, '/'), is(x, '.'));
        return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, odd), dot)) != 0;
    };
    if (path.size() >= 17) {
        for (; path.size() - at >= 17; at += 16)
            if (has_any(path.data() + at))
                return true;
        return !plain_path_bytes[static_cast<unsigned char>(path.front())] ||
               has_any(path.data() + path.size() - 17);
    }
#endif
    for (char before = 0; at < path.size(); before = path[at++])
        if (!plain_path_bytes[static_cast<unsigned char>(path[at])] ||
            (path[at] == '.' && before == '/'))
            return true;
    return false;
}

} // namespace

const char* refuse_path(std::string_view path) noexcept {
    // Most paths have nothing to look closer at.
    return may_be_refused(path) ? refuse_slowly(path) : nullptr;
}

} // namespace postern::edge
