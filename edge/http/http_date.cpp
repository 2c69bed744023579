#include "edge/http/http_date.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace postern::edge {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Takes a date apart from its start. Once something does not fit, `ok` stays false and all further
/// calls are harmless.
struct date_reader {
    std::string_view left;
    bool ok = true;

    void literal(std::string_view expected) noexcept {
        ok = ok && left.substr(0, expected.size()) == expected;
        if (ok)
            left.remove_prefix(expected.size());
    }
    template <std::size_t Count>
    unsigned word(const std::array<std::string_view, Count>& words) noexcept {
        for (unsigned i = 0; i < Count; ++i) {
            if (left.substr(0, words[i].size()) != words[i])
                continue;
            left.remove_prefix(words[i].size());
            return i;
        }
        ok = false;
        return 0;
    }
    int number(std::size_t digits) noexcept {
        if (left.size() < digits)
            ok = false;
        int value = 0;
        for (std::size_t i = 0; ok && i < digits; ++i) {
            ok = left[i] >= '0' && left[i] <= '9';
            value = value * 10 + (left[i] - '0');
        }
        if (ok)
            left.remove_prefix(digits);
        return ok ? value : 0;
    }
};

struct parts {
    int year = 0;
    unsigned month = 0; // 0 is January
    int day = 0;
    int hour = 0, minute = 0, second = 0;
};

void read_time(date_reader& in, parts& out) noexcept {
    out.hour = in.number(2);
    in.literal(":");
    out.minute = in.number(2);
    in.literal(":");
    out.second = in.number(2);
}

bool read_imf_fixdate(date_reader in, parts& out) noexcept { // Sun, 06 Nov 1994 08:49:37 GMT
    in.word(days);
    in.literal(", ");
    out.day = in.number(2);
    in.literal(" ");
    out.month = in.word(months);
    in.literal(" ");
    out.year = in.number(4);
    in.literal(" ");
    read_time(in, out);
    in.literal(" GMT");
    return in.ok && in.left.empty();
}

bool read_rfc850(date_reader in, parts& out) noexcept { // Sunday, 06-Nov-94 08:49:37 GMT
    in.word(long_days);
    in.literal(", ");
    out.day = in.number(2);
    in.literal("-");
    out.month = in.word(months);
    in.literal("-");
    const int short_year = in.number(2);
    out.year = short_year + (short_year < 70 ? 2000 : 1900);
    in.literal(" ");
    read_time(in, out);
    in.literal(" GMT");
    return in.ok && in.left.empty();
}

bool read_asctime(date_reader in, parts& out) noexcept { // Sun Nov  6 08:49:37 1994
    in.word(days);
    in.literal(" ");
    out.month = in.word(months);
    in.literal(" ");
    const bool one_digit = in.left.starts_with(' ');
    if (one_digit)
        in.literal(" ");
    out.day = in.number(one_digit ? 1 : 2);
    in.literal(" ");
    read_time(in, out);
    in.literal(" ");
    out.year = in.number(4);
    return in.ok && in.left.empty();
}

using date_text = std::array<char, sizeof "Sun, 06 Nov 1994 08:49:37 GMT" - 1>;

/// Asks nothing of the heap: the Date header is made anew each second of a busy worker.
date_text text_of(std::int64_t epoch_s) {
    constexpr sys_seconds first = sys_days{year{0} / January / 1};
    constexpr sys_seconds last = sys_days{year{10'000} / January / 1} - seconds{1};
    const sys_seconds at{seconds{std::clamp<std::int64_t>(epoch_s, first.time_since_epoch().count(),
                                                          last.time_since_epoch().count())}};
    const sys_days day = floor<std::chrono::days>(at);
    const year_month_day date{day};
    const hh_mm_ss time{at - day};
    date_text text;
    fmt::format_to_n(text.data(), text.size(), "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     days[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
    return text;
}

} // namespace

std::string http_date(std::int64_t epoch_s) {
    const date_text text = text_of(epoch_s);
    return {text.data(), text.size()};
}

std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept {
    parts p;
    if (!read_imf_fixdate({text}, p) && !read_rfc850({text}, p) && !read_asctime({text}, p))
        return std::nullopt;
    const year_month_day date{year{p.year}, month{p.month + 1}, day{static_cast<unsigned>(p.day)}};
    const bool leap_second = p.second == 60;
    if (!date.ok() || p.hour > 23 || p.minute > 59 || (p.second > 59 && !leap_second))
        return std::nullopt;
    const sys_seconds at =
        sys_days{date} + hours{p.hour} + minutes{p.minute} + seconds{leap_second ? 59 : p.second};
    return at.time_since_epoch().count();
}

std::string_view http_date_now(const base::clock& time) {
    thread_local std::int64_t second_written = -1;
    thread_local date_text text{};
    const std::int64_t now_s = base::to_epoch_ms(time.wall()) / 1000;
    if (now_s != second_written || text[0] == '\0') {
        text = text_of(now_s);
        second_written = now_s;
    }
    return {text.data(), text.size()};
}

} // namespace postern::edge
