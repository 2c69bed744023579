#include "base/access_token.hpp"

#include "base/check.hpp"
#include "base/percent.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace postern::base {
namespace {

constexpr std::int64_t expires_max = (std::int64_t{1} << 40) - 1;
constexpr std::size_t mac_bytes = 32;
using mac_text = std::array<char, 2 * mac_bytes>;

/// Over a text in which no two grants look alike: fields of fixed length stand first, the scope
/// last.
mac_text mac_of(const std::string& key, const access_grant& grant) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::string text =
        fmt::format("postern access 1\n{}{:010x}{:08x}{}", static_cast<char>(grant.use),
                    grant.expires_s, grant.generation, grant.scope);
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned bytes = 0;
    const bool made = ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                             mac.data(), &bytes) != nullptr;
    POSTERN_CHECK(made && bytes == mac_bytes);
    mac_text out{};
    for (std::size_t i = 0; i < mac_bytes; ++i) {
        out[2 * i] = digits[mac[i] >> 4U];
        out[2 * i + 1] = digits[mac[i] & 15U];
    }
    return out;
}

/// Small hexadecimal digits without leading zeros, up to and with a '-', which is taken off: a
/// number has one spelling.
template <class Number>
bool take_number(std::string_view& text, Number most, Number& out) {
    const std::size_t end = text.find('-');
    if (end == 0 || end == std::string_view::npos || end > 10 || (end > 1 && text[0] == '0'))
        return false;
    std::uint64_t value = 0;
    for (const char c : text.substr(0, end)) {
        const int digit = hex_digit_value(c);
        if (digit < 0 || (c >= 'A' && c <= 'F'))
            return false;
        value = value << 4U | static_cast<std::uint64_t>(digit);
    }
    if (value > static_cast<std::uint64_t>(most))
        return false;
    out = static_cast<Number>(value);
    text.remove_prefix(end + 1);
    return true;
}

/// How many bytes at the start of `text` spell the parameter's name, each letter of it plain or as
/// an escape; 0: it begins otherwise.
std::size_t name_bytes(std::string_view text) noexcept {
    std::size_t at = 0;
    for (const char letter : access_parameter) {
        if (at == text.size())
            return 0;
        const bool plain = text[at] == letter;
        if (!plain && (text[at] != '%' || escaped_byte(text, at) != letter))
            return 0;
        at += plain ? 1 : 3;
    }
    return at;
}

/// As name_bytes, where nothing but a value follows.
std::size_t parameter_name_bytes(std::string_view pair) noexcept {
    const std::size_t bytes = name_bytes(pair);
    return bytes == pair.size() || pair[bytes] == '=' ? bytes : 0;
}

} // namespace

std::string make_access_token(const access_keys& keys, const access_grant& grant) {
    POSTERN_CHECK(!keys.empty() && grant.expires_s >= 0 && grant.expires_s <= expires_max);
    const mac_text mac = mac_of(keys.front(), grant);
    return fmt::format("{:x}-{:x}-{}", grant.expires_s, grant.generation,
                       std::string_view{mac.data(), mac.size()});
}

access_reading read_access_token(const access_keys& keys, const access_grant& wanted,
                                 std::string_view token, std::int64_t now_s) {
    access_grant claimed = wanted;
    if (!take_number(token, expires_max, claimed.expires_s) ||
        !take_number(token, std::uint32_t{0xffff'ffff}, claimed.generation) ||
        token.size() != mac_text{}.size())
        return {};
    bool genuine = false;
    for (const std::string& key : keys) {
        const mac_text mac = mac_of(key, claimed);
        genuine = same_secret({mac.data(), mac.size()}, token) || genuine;
    }
    if (!genuine)
        return {};
    if (claimed.expires_s <= now_s)
        return {access_fault::expired, claimed.expires_s};
    if (claimed.generation != wanted.generation)
        return {access_fault::revoked, claimed.expires_s};
    return {access_fault::none, claimed.expires_s};
}

bool same_secret(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint32_t next_access_generation(std::uint32_t generation, std::int64_t now_s) noexcept {
    const auto now = static_cast<std::uint32_t>(now_s);
    return generation >= now && generation != 0xffff'ffff ? generation + 1 : now;
}

std::string access_cookie_name(std::string_view scope) {
    std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a: it only has to differ
    for (const char c : scope)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{}{:016x}", access_cookie_prefix, hash);
}

std::string with_access_token(std::string_view url, std::string_view token) {
    const std::size_t end = std::min(url.find('#'), url.size());
    const std::string_view before = url.substr(0, end);
    return fmt::format("{}{}{}={}{}", before,
                       before.find('?') == std::string_view::npos ? "?" : "&", access_parameter,
                       token, url.substr(end));
}

std::size_t find_access_parameter(std::string_view text) noexcept {
    const char starts[] = {access_parameter.front(), '%'};
    std::size_t at = 0;
    while ((at = text.find_first_of({starts, sizeof starts}, at)) != std::string_view::npos) {
        if (name_bytes(text.substr(at)) > 0)
            return at;
        ++at;
    }
    return text.size();
}

std::optional<std::string_view> take_access_token(std::string_view query, std::string& rest) {
    if (find_access_parameter(query) == query.size())
        return std::nullopt;
    std::optional<std::string_view> token;
    std::string kept;
    bool first = true;
    while (true) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        if (const std::size_t bytes = parameter_name_bytes(pair); bytes > 0) {
            if (!token)
                token = pair.substr(std::min(bytes + 1, pair.size()));
        } else {
            if (!first)
                kept += '&';
            kept += pair;
            first = false;
        }
        if (end == query.size())
            break;
        query.remove_prefix(end + 1);
    }
    if (token)
        rest = std::move(kept);
    return token;
}

} // namespace postern::base
