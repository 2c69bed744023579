// What a directive's arguments mean: one function a kind of value, each with the sentence for what
// is none.
#pragma once

#include "base/ip_endpoint.hpp"
#include "base/text_template.hpp"
#include "edge/settings/lexer.hpp"
#include "edge/settings/settings.hpp"

#include <boost/system/result.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::edge {

/// What is wrong with a value and what would be right: the part of an error line after the
/// directive's name.
struct complaint {
    std::string text;
};
template <class T>
using parsed = boost::system::result<T, complaint>;

template <class T>
struct bounds {
    T least;
    T most;
};

/// "500ms", "30s", "5m", "2h", "1d"; a bare number is seconds.
[[nodiscard]] parsed<milliseconds> duration_of(std::string_view text, bounds<milliseconds> within);
/// "90s" for 90'000 ms: the largest unit that gives a whole number.
[[nodiscard]] std::string text_of(milliseconds time);

/// Bytes: "512", "64k", "10m", "1g"; units are powers of 1024.
[[nodiscard]] parsed<std::uint64_t> size_of(std::string_view text, bounds<std::uint64_t> within);
/// "100000", "100k", "1m"; units are powers of 1000.
[[nodiscard]] parsed<std::uint64_t> count_of(std::string_view text, bounds<std::uint64_t> within);

/// "100r/s" or "30r/m", and "burst=200" or nothing: then a second's worth, at least one.
[[nodiscard]] parsed<rate_limit> request_rate_of(std::string_view rate, std::string_view burst);
/// "10m/s", and "burst=20m" or nothing: then a second's worth.
[[nodiscard]] parsed<rate_limit> byte_rate_of(std::string_view rate, std::string_view burst);

/// What follows "KEY=" in `word`, where `example` is "KEY=" and a value.
[[nodiscard]] parsed<std::string_view> keyed_word(std::string_view word, std::string_view example);

[[nodiscard]] parsed<bool> on_or_off(std::string_view text);

/// The position of `text` in `choices`.
[[nodiscard]] parsed<std::size_t> choice_of(std::string_view text,
                                            std::span<const std::string_view> choices);

/// "80", "127.0.0.1:8080", "127.0.0.1", "[::]:80", "*:80"; port 0 is allowed.
[[nodiscard]] parsed<base::ip_endpoint> listen_address_of(std::string_view text);
/// "127.0.0.1:3000", "[::1]:3000".
[[nodiscard]] parsed<base::ip_endpoint> endpoint_of(std::string_view text);
[[nodiscard]] parsed<base::ip_network> network_of(std::string_view text);

/// Names of any kind may stand in a template; what they can be is found later.
inline constexpr std::span<const std::string_view> any_name{};
/// A template that knows these names.
[[nodiscard]] parsed<base::text_template> template_of(std::string_view text,
                                                      std::span<const std::string_view> known);

/// A location's path: starts with '/', raw bytes as in a request line.
[[nodiscard]] parsed<capture_pattern> path_pattern_of(std::string_view text);
/// A server_name; literals are put in lower case.
[[nodiscard]] parsed<capture_pattern> host_pattern_of(std::string_view text);

/// A Location's value: "/path" or "http://..." or "https://...", without blanks.
[[nodiscard]] parsed<std::string> url_of(std::string_view text);

/// "{clientId}, {threadId}".
[[nodiscard]] std::string braced_list(std::span<const std::string_view> names);

} // namespace postern::edge
