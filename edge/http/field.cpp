#include "edge/http/field.hpp"

#include "edge/http/scan.hpp"

#include <array>
#include <cstring>

namespace postern::edge {
namespace {

struct named {
    std::string_view name; // lower case
    known id;
};

constexpr std::array names{
    named{"accept", known::accept},
    named{"accept-encoding", known::accept_encoding},
    named{"authorization", known::authorization},
    named{"cache-control", known::cache_control},
    named{"connection", known::connection},
    named{"content-encoding", known::content_encoding},
    named{"content-length", known::content_length},
    named{"content-type", known::content_type},
    named{"cookie", known::cookie},
    named{"date", known::date},
    named{"etag", known::etag},
    named{"expect", known::expect},
    named{"forwarded", known::forwarded},
    named{"host", known::host},
    named{"if-match", known::if_match},
    named{"if-modified-since", known::if_modified_since},
    named{"if-none-match", known::if_none_match},
    named{"if-range", known::if_range},
    named{"if-unmodified-since", known::if_unmodified_since},
    named{"keep-alive", known::keep_alive},
    named{"last-modified", known::last_modified},
    named{"location", known::location},
    named{"origin", known::origin},
    named{"proxy-authenticate", known::proxy_authenticate},
    named{"proxy-authorization", known::proxy_authorization},
    named{"proxy-connection", known::proxy_connection},
    named{"range", known::range},
    named{"referer", known::referer},
    named{"sec-fetch-dest", known::sec_fetch_dest},
    named{"sec-fetch-mode", known::sec_fetch_mode},
    named{"sec-fetch-site", known::sec_fetch_site},
    named{"sec-purpose", known::sec_purpose},
    named{"sec-websocket-extensions", known::sec_websocket_extensions},
    named{"sec-websocket-key", known::sec_websocket_key},
    named{"sec-websocket-protocol", known::sec_websocket_protocol},
    named{"sec-websocket-version", known::sec_websocket_version},
    named{"server", known::server},
    named{"set-cookie", known::set_cookie},
    named{"te", known::te},
    named{"trailer", known::trailer},
    named{"transfer-encoding", known::transfer_encoding},
    named{"upgrade", known::upgrade},
    named{"user-agent", known::user_agent},
    named{"vary", known::vary},
    named{"x-forwarded-for", known::x_forwarded_for},
    named{"x-forwarded-host", known::x_forwarded_host},
    named{"x-forwarded-prefix", known::x_forwarded_prefix},
    named{"x-forwarded-proto", known::x_forwarded_proto},
    named{"x-real-ip", known::x_real_ip},
    named{"x-session-id", known::x_session_id},
};

// A perfect hash of length and four letters; its seed is found by the compiler.
constexpr std::size_t slots = 512;
constexpr std::uint8_t no_name = 0xff;
constexpr std::size_t name_bytes_max = 24;
static_assert(names.size() < no_name);

constexpr std::uint32_t letter(char c) {
    return static_cast<unsigned char>(c) | 0x20U;
}

constexpr std::size_t slot_of(std::string_view name, std::uint32_t seed) {
    const std::size_t n = name.size();
    const std::uint32_t mixed = static_cast<std::uint32_t>(n) ^ letter(name[0]) << 6U ^
                                letter(name[n / 2]) << 12U ^ letter(name[n - 1]) << 18U ^
                                letter(name[n >= 3 ? n - 3 : 0]) << 24U;
    return (mixed * seed) >> 23U;
}
static_assert(slots == 1U << (32 - 23));

struct hash_table {
    std::uint32_t seed = 0;
    std::array<std::uint8_t, slots> at{};
};

consteval hash_table make_table() {
    hash_table table;
    for (std::uint32_t seed = 0x9e3779b1U;; seed += 0x3c6ef362U) { // stays odd
        table.seed = seed;
        table.at.fill(no_name);
        bool clash = false;
        for (std::size_t i = 0; i < names.size() && !clash; ++i) {
            std::uint8_t& slot = table.at[slot_of(names[i].name, seed)];
            clash = slot != no_name;
            slot = static_cast<std::uint8_t>(i);
        }
        if (!clash)
            return table;
    }
}
constexpr hash_table table = make_table();

template <class Word>
bool same_word(const char* text, const char* lower) noexcept {
    constexpr Word every_case_bit = static_cast<Word>(0x2020202020202020U);
    Word a;
    Word b;
    std::memcpy(&a, text, sizeof a);
    std::memcpy(&b, lower, sizeof b);
    return (a | every_case_bit) == b;
}

/// Whether token `text` is `lower`, a name of lower-case letters, digits and '-', without case.
/// Among token bytes only the two cases of a letter become the same with the case bit set.
bool equal_to_lower(std::string_view text, std::string_view lower) noexcept {
    const std::size_t n = lower.size();
    if (text.size() != n)
        return false;
    const char* const a = text.data();
    const char* const b = lower.data();
    if (n >= 8) {
        for (std::size_t i = 0; i + 8 < n; i += 8)
            if (!same_word<std::uint64_t>(a + i, b + i))
                return false;
        return same_word<std::uint64_t>(a + n - 8, b + n - 8);
    }
    if (n >= 4)
        return same_word<std::uint32_t>(a, b) && same_word<std::uint32_t>(a + n - 4, b + n - 4);
    return n >= 2 && same_word<std::uint16_t>(a, b) &&
           same_word<std::uint16_t>(a + n - 2, b + n - 2);
}

/// Whole families of names.
constexpr std::array prefixes{
    named{"x-forwarded-", known::x_forwarded},
    named{"x-postern-", known::x_postern},
};

} // namespace

known known_field(std::string_view name) noexcept {
    if (name.empty())
        return known::other;
    if (name.size() <= name_bytes_max) {
        const std::uint8_t i = table.at[slot_of(name, table.seed)];
        if (i != no_name && equal_to_lower(name, names[i].name))
            return names[i].id;
    }
    if (letter(name[0]) == 'x')
        for (const auto& [prefix, id] : prefixes)
            if (name.size() > prefix.size() &&
                equal_to_lower(name.substr(0, prefix.size()), prefix))
                return id;
    return known::other;
}

bool detail::same_letters(std::string_view a, std::string_view b) noexcept {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i]))
            return false;
    return true;
}

bool list_has(std::string_view list, std::string_view token) noexcept {
    bool found = false;
    for_each_member(list, [&](std::string_view member) {
        found = equal_ignoring_case(member, token);
        return !found;
    });
    return found;
}

} // namespace postern::edge
