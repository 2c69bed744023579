#include "sync/aws/credential_document.hpp"

#include "sync/aws/credential_provider.hpp"
#include "sync/aws/json.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::sync::aws {
namespace {

/// Takes exactly `digits` digits from the front; -1: they are not there.
int take_number(std::string_view& text, std::size_t digits) {
    int value = -1;
    if (text.size() < digits)
        return -1;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + digits, value);
    if (problem != std::errc{} || end != text.data() + digits || value < 0)
        return -1;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word))
        return false;
    text.remove_prefix(word.size());
    return true;
}

/// "Z", "+02:00", "-0330" as minutes east of Greenwich; nothing for other text.
std::optional<std::chrono::minutes> offset_of(std::string_view text) {
    if (text == "Z" || text == "z")
        return std::chrono::minutes{0};
    const bool is_west = text.starts_with('-');
    if (!is_west && !text.starts_with('+'))
        return std::nullopt;
    text.remove_prefix(1);
    const int hours = take_number(text, 2);
    take(text, ":");
    const int minutes = take_number(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !text.empty())
        return std::nullopt;
    return std::chrono::minutes{(is_west ? -1 : 1) * (hours * 60 + minutes)};
}

} // namespace

std::optional<base::wall_time> iso_time_of(std::string_view text) {
    using namespace std::chrono;
    const int y = take_number(text, 4);
    const bool has_month = take(text, "-");
    const int m = take_number(text, 2);
    const bool has_day = take(text, "-");
    const int d = take_number(text, 2);
    const bool has_time = take(text, "T") || take(text, " ");
    const int hour = take_number(text, 2);
    const bool has_minute = take(text, ":");
    const int minute = take_number(text, 2);
    const bool has_second = take(text, ":");
    const int second = take_number(text, 2);
    if (take(text, "."))
        text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
    const auto east = offset_of(text);
    const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                              day{static_cast<unsigned>(d)}};
    if (y < 0 || m < 0 || d < 0 || !has_month || !has_day || !has_time || !has_minute ||
        !has_second || !east || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return std::nullopt;
    return base::wall_time{sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} +
                           seconds{second} - *east};
}

base::result<credentials> credentials_of_document(std::string_view text, std::string_view source) {
    const auto document = parse_json(text);
    if (!document || !document->is_object())
        return unusable("what it gave is no JSON object");
    credentials found;
    found.access_key_id = string_at(*document, "AccessKeyId");
    found.secret_access_key = string_at(*document, "SecretAccessKey");
    found.session_token = string_at(*document, "SessionToken");
    if (found.session_token.empty())
        found.session_token = string_at(*document, "Token");
    if (found.access_key_id.empty() || found.secret_access_key.empty())
        return unusable("what it gave has no AccessKeyId or no SecretAccessKey");
    if (const std::string expiration = string_at(*document, "Expiration"); !expiration.empty()) {
        found.expires_at = iso_time_of(expiration);
        if (!found.expires_at)
            return unusable(fmt::format("its Expiration \"{}\" is no time; right would be one like "
                                        "2026-01-31T12:00:00Z",
                                        expiration.substr(0, 40)));
    }
    found.source = source;
    return found;
}

} // namespace postern::sync::aws
