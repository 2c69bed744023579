#include "edge/settings/values.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string text_of_value(const parsed<T>& value) {
    if (!value)
        return value.error().text;
    if constexpr (std::is_same_v<T, rate_limit>)
        return fmt::format("{} in {} ms, {} at once", value->units, value->period.count(),
                           value->burst);
    else if constexpr (std::is_same_v<T, milliseconds>)
        return std::to_string(value->count());
    else if constexpr (std::is_same_v<T, capture_pattern>) {
        std::string out;
        for (const auto& piece : value->pieces)
            out += (piece.is_capture ? "<" : "'") + piece.text + (piece.is_capture ? ">" : "'");
        return out;
    } else if constexpr (std::is_integral_v<T>)
        return std::to_string(*value);
    else if constexpr (std::is_same_v<T, std::string>)
        return *value;
    else
        return value->text();
}

TEST(values, durations) {
    const auto value = [](std::string_view text) {
        return text_of_value(duration_of(text, {0ms, 7 * 24h}));
    };
    EXPECT_EQ(value("500ms"), "500");
    EXPECT_EQ(value("30s"), "30000");
    EXPECT_EQ(value("30"), "30000");
    EXPECT_EQ(value("5m"), "300000");
    EXPECT_EQ(value("2h"), "7200000");
    EXPECT_EQ(value("1d"), "86400000");
    EXPECT_EQ(value("0"), "0");
    for (const char* const bad : {"", "5x", "m", "-1s", "1.5s", "5 m", "5mm", "+3", "0x10"})
        EXPECT_EQ(value(bad),
                  std::string{"\""} + bad + "\" is no duration; write 500ms, 30s, 5m, 2h or 1d");
    EXPECT_EQ(value("8d"), "\"8d\" is out of bounds; write 0 to 7d");
    EXPECT_EQ(value("18446744073709551615d"),
              "\"18446744073709551615d\" is out of bounds; write 0 to 7d");
    // Wraps round to nine hours in 64 bits.
    EXPECT_EQ(value("213503982335d"), "\"213503982335d\" is out of bounds; write 0 to 7d");
    EXPECT_EQ(value("18446744073709551616"),
              "\"18446744073709551616\" is no duration; write 500ms, 30s, 5m, 2h or 1d");
    EXPECT_EQ(text_of_value(duration_of("99ms", {100ms, 90s})),
              "\"99ms\" is out of bounds; write 100ms to 90s");
}

TEST(values, sizes_and_counts) {
    const auto size = [](std::string_view text) {
        return text_of_value(size_of(text, {1024, 1U << 30U}));
    };
    EXPECT_EQ(size("1024"), "1024");
    EXPECT_EQ(size("2k"), "2048");
    EXPECT_EQ(size("3M"), "3145728");
    EXPECT_EQ(size("1g"), "1073741824");
    EXPECT_EQ(size("1023"), "\"1023\" is out of bounds; write 1k to 1g");
    EXPECT_EQ(size("99999999999g"), "\"99999999999g\" is out of bounds; write 1k to 1g");
    EXPECT_EQ(size("1kb"), "\"1kb\" is no size; write 512, 64k, 10m or 1g");
    const auto count = [](std::string_view text) {
        return text_of_value(count_of(text, {1, 2'000'000}));
    };
    EXPECT_EQ(count("100k"), "100000");
    EXPECT_EQ(count("2m"), "2000000");
    EXPECT_EQ(count("0"), "\"0\" is out of bounds; write 1 to 2000000");
    EXPECT_EQ(count("many"), "\"many\" is no number; write 1 to 2000000");
}

TEST(values, rates) {
    const auto requests = [](std::string_view rate, std::string_view burst = {}) {
        return text_of_value(request_rate_of(rate, burst));
    };
    EXPECT_EQ(requests("100r/s"), "100 in 1000 ms, 100 at once");
    EXPECT_EQ(requests("2kr/s", "burst=3k"), "2000 in 1000 ms, 3000 at once");
    EXPECT_EQ(requests("30r/m"), "30 in 60000 ms, 1 at once");
    EXPECT_EQ(requests("600r/m"), "600 in 60000 ms, 10 at once");
    for (const char* const bad : {"", "r/s", "1", "1r", "1/s", "1r/h", "0r/s", "-1r/s", "2mr/s"})
        EXPECT_FALSE(request_rate_of(bad, {})) << bad;
    const auto bytes = [](std::string_view rate, std::string_view burst = {}) {
        return text_of_value(byte_rate_of(rate, burst));
    };
    EXPECT_EQ(bytes("1k/s"), "1024 in 1000 ms, 1024 at once");
    EXPECT_EQ(bytes("1m/s", "burst=2m"), "1048576 in 1000 ms, 2097152 at once");
    for (const char* const bad : {"", "/s", "1m", "0/s", "1r/s", "1m/m", "2048g/s"})
        EXPECT_FALSE(byte_rate_of(bad, {})) << bad;
    for (const char* const bad : {"burst", "burst=", "burst=0", "burst=1x", "rate=1", " burst=1"})
        EXPECT_FALSE(byte_rate_of("1m/s", bad)) << bad;
}

TEST(values, addresses_to_listen_on) {
    const auto value = [](std::string_view text) { return text_of_value(listen_address_of(text)); };
    EXPECT_EQ(value("80"), "0.0.0.0:80");
    EXPECT_EQ(value("127.0.0.1:8080"), "127.0.0.1:8080");
    EXPECT_EQ(value("127.0.0.1"), "127.0.0.1:80");
    EXPECT_EQ(value("127.0.0.1:0"), "127.0.0.1:0");
    EXPECT_EQ(value("*:81"), "0.0.0.0:81");
    EXPECT_EQ(value("[::]:80"), "[::]:80");
    EXPECT_EQ(value("[::1]"), "[::1]:80");
    EXPECT_EQ(value("65536"), "\"65536\": \"65536\" is no port; write 0 to 65535");
    EXPECT_EQ(value("127.0.0.1:x"), "\"127.0.0.1:x\": \"x\" is no port; write 0 to 65535");
    for (const char* const bad :
         {"", "localhost:80", "::1", "::1:80", "unix:/run/x", "[127.0.0.1]:80", "1.2.3:80"})
        EXPECT_EQ(value(bad), std::string{"\""} + bad +
                                  "\" is no address; write 80, 127.0.0.1:8080 or [::1]:8080");
    EXPECT_EQ(value("[::1]80"), "\"[::1]80\" is no address; write [::1]:8080");
    EXPECT_EQ(value("[::1"), "\"[::1\" is no address; write [::1]:8080");
}

TEST(values, path_patterns) {
    const auto value = [](std::string_view text) { return text_of_value(path_pattern_of(text)); };
    EXPECT_EQ(value("/"), "'/'");
    EXPECT_EQ(value("/session/{threadId}/"), "'/session/'<threadId>'/'");
    EXPECT_EQ(value("/{a}/x/{b}"), "'/'<a>'/x/'<b>");
    EXPECT_EQ(value("session"), "\"session\" is no path; it starts with /");
    EXPECT_EQ(value("/{a}{b}"), "\"/{a}{b}\": nothing stands between {a} and {b}");
    EXPECT_EQ(value("/{a}/{a}"), "\"/{a}/{a}\": {a} is there twice");
    EXPECT_EQ(value("/{1}"), "\"/{1}\": \"1\" is no name for a capture; letters, digits and _");
    EXPECT_EQ(value("/{a"), "\"/{a\": '{' without its '}'");
    EXPECT_EQ(value("/a}"), "\"/a}\": '}' without its '{'");
    for (const char* dots : {"/a/../b", "/.", "/..", "/./", "/{a}/.."})
        EXPECT_EQ(value(dots), std::string{"\""} + dots +
                                   "\": no path has the segments . or .. here: browsers resolve "
                                   "them, and who sends them is answered 400");
    for (const char* fine : {"/.well-known/", "/...", "/a..", "//"})
        EXPECT_EQ(value(fine), std::string{"'"} + fine + "'");
    EXPECT_EQ(value("/a?b"), "\"/a?b\": a path ends before ? and #");
    EXPECT_EQ(
        value("/a b"),
        "\"/a b\": paths are compared as browsers send them; write %20 for a blank and the like");
}

TEST(values, host_patterns) {
    const auto value = [](std::string_view text) { return text_of_value(host_pattern_of(text)); };
    EXPECT_EQ(value("Edit.{clientId}.Example.com"), "'edit.'<clientId>'.example.com'");
    EXPECT_EQ(value("127.0.0.1"), "'127.0.0.1'");
    EXPECT_EQ(value("[::1]"), "'[::1]'");
    EXPECT_EQ(value("a.com:80"), "\"a.com:80\" is no host name; ports stand in listen");
    EXPECT_EQ(value("*.a.com"), "\"*.a.com\": write a capture for *, such as {name}.example.com");
    EXPECT_EQ(
        value("http://a"),
        "\"http://a\" is no host name; write it as browsers send it, without scheme, port or path");
    EXPECT_EQ(value("~^x$"),
              "\"~^x$\": regular expressions are not known; write a name with captures, such as "
              "{name}.example.com");
    EXPECT_EQ(value(""), "\"\" is no host name");
    for (const char* dots : {"a..b", ".example.com", "a.", "{x}..b"})
        EXPECT_EQ(value(dots), std::string{"\""} + dots +
                                   "\" is no host name: nothing stands before, behind or between "
                                   "some of its dots");
}

TEST(values, urls_targets_networks_templates) {
    EXPECT_EQ(text_of_value(url_of("https://example.com/a?b")), "https://example.com/a?b");
    EXPECT_EQ(text_of_value(url_of("example.com")),
              "\"example.com\" is no URL; write /path or https://host/path");
    EXPECT_EQ(text_of_value(url_of("/a b")),
              "\"/a b\": a URL has no blanks and is ASCII; write %20 and the like");
    EXPECT_EQ(text_of_value(url_of("/{a}")), "\"/{a}\": captures are not filled in here");
    EXPECT_EQ(text_of_value(endpoint_of("10.0.0.1:80")), "10.0.0.1:80");
    EXPECT_EQ(
        text_of_value(endpoint_of("http://10.0.0.1:80")),
        "\"http://10.0.0.1:80\" is no address with a port; write 127.0.0.1:3000 without http://");
    EXPECT_EQ(text_of_value(endpoint_of("api:80")),
              "\"api:80\" is no address with a port; write 127.0.0.1:3000, no name");
    EXPECT_EQ(text_of_value(network_of("10.0.0.0/8")), "10.0.0.0/8");
    EXPECT_EQ(text_of_value(network_of("10.0.0.0/33")),
              "\"10.0.0.0/33\" is no network; write 10.0.0.0/8, fd00::/8 or one address");
    constexpr std::string_view names[] = {"a", "b"};
    EXPECT_EQ(text_of_value(template_of("x{a}-{b}", names)), "x{a}-{b}");
    EXPECT_EQ(text_of_value(template_of("{c}", names)),
              "{c} is not known here; there are {a}, {b}");
    EXPECT_EQ(text_of_value(template_of("{c}", any_name)), "{c}");
    EXPECT_EQ(text_of_value(template_of("{c", any_name)), "\"{c\": '{' without its '}'");
}

TEST(values, a_time_is_shown_in_its_largest_unit) {
    EXPECT_EQ(text_of(0ms), "0");
    EXPECT_EQ(text_of(250ms), "250ms");
    EXPECT_EQ(text_of(90s), "90s");
    EXPECT_EQ(text_of(120s), "2m");
    EXPECT_EQ(text_of(48h), "2d");
}

} // namespace
} // namespace postern::edge
