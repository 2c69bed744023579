// Route keys: the text that a session is called by in the session table, made of named values by
// one template. Workers make it of a URL's captures; control, sync and the command line of a
// record's fields. All of them make it here, so that two sessions never share a key.
//
// Why no two do: a value with literal text between it and the next one must not hold that literal,
// nor make one together with its beginning ("a-" before "--"). So the first time that the literal
// stands in the rest of a key, the value ends; read like this from the left, a key gives back the
// values it was made of. The last value needs no end but the key's.
#pragma once

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/text_template.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace postern::base {

/// Why values make no route key. Views last as long as the template and the values.
struct route_key_fault {
    enum class kind {
        none,
        missing,   // `name` has no value, or an empty one
        ambiguous, // `value` of `name` holds `separator`: another session could have the same key
        size,      // the key would be empty, or longer than limits::route_key_bytes_max
    };
    kind what = kind::none;
    std::string_view name;
    std::string_view value;
    std::string_view separator;
    explicit operator bool() const noexcept { return what != kind::none; }
};

/// Whether `value` ends where `separator` first begins in the two put together.
[[nodiscard]] bool ends_at(std::string_view value, std::string_view separator) noexcept;

/// Makes the key into `out`, without allocating once `out` has grown. With a fault `out` is of no
/// use. `value_at(i)` is the value of the name that stands at place i of the template's pieces, or
/// nothing; for those who know what stands where.
template <class ByPlace>
[[nodiscard]] route_key_fault make_route_key_by_place(const text_template& of, ByPlace&& value_at,
                                                      std::string& out) {
    using kind = route_key_fault::kind;
    out.clear();
    bool is_too_long = false;
    const auto append = [&](std::string_view text) {
        if (out.size() + text.size() <= limits::route_key_bytes_max)
            out += text;
        else
            is_too_long = true; // what follows may be worse, and is told first
    };
    const auto& pieces = of.pieces();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const text_template::piece& p = pieces[i];
        if (!p.is_name) {
            append(p.text);
            continue;
        }
        const std::optional<std::string_view> value = value_at(i);
        if (!value || value->empty())
            return {kind::missing, p.text, {}, {}};
        if (i + 1 < pieces.size()) {
            const text_template::piece& next = pieces[i + 1];
            if (next.is_name)
                return {kind::ambiguous, p.text, *value, {}};
            if (i + 2 < pieces.size() && !ends_at(*value, next.text))
                return {kind::ambiguous, p.text, *value, next.text};
        }
        append(*value);
    }
    if (out.empty() || is_too_long)
        return {kind::size, {}, {}, {}};
    return {};
}

/// The same with `value_of` as in text_template::fill.
template <class Lookup>
[[nodiscard]] route_key_fault make_route_key(const text_template& of, Lookup&& value_of,
                                             std::string& out) {
    const auto value_at = [&](std::size_t place) -> std::optional<std::string_view> {
        return value_of(std::string_view{of.pieces()[place].text});
    };
    return make_route_key_by_place(of, value_at, out);
}

/// Reads a key back: `take(name, value)` for each name of the template, in its order. False: it is
/// no key of this template, and what was taken means nothing.
template <class Take>
[[nodiscard]] bool read_route_key(const text_template& of, std::string_view key, Take&& take) {
    const auto& pieces = of.pieces();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (!pieces[i].is_name) {
            if (!key.starts_with(pieces[i].text))
                return false;
            key.remove_prefix(pieces[i].text.size());
            continue;
        }
        const bool is_last = i + 1 == pieces.size();
        if (!is_last && pieces[i + 1].is_name)
            return false;
        const std::string_view end_text = is_last ? std::string_view{} : pieces[i + 1].text;
        const std::size_t end = is_last                  ? key.size()
                                : i + 2 == pieces.size() ? key.rfind(end_text)
                                                         : key.find(end_text);
        if (end == std::string_view::npos || end == 0)
            return false;
        take(std::string_view{pieces[i].text}, key.substr(0, end));
        key.remove_prefix(end);
    }
    return key.empty();
}

/// `wanted` with the values of a key in it. Nothing: one of its names is not in the key's template,
/// or this is no key of it.
[[nodiscard]] std::optional<std::string>
text_of_route_key(const text_template& wanted, const text_template& of, std::string_view key);

/// A sentence for people: what is wrong with which value, and what would be right.
/// Requires: a fault.
[[nodiscard]] std::string text_of(const route_key_fault& fault, const text_template& of);

/// Whether a template can make route keys. Errors: invalid_argument with a sentence, where two
/// names have nothing between them.
[[nodiscard]] result<void> check_route_key(const text_template& of);

} // namespace postern::base
