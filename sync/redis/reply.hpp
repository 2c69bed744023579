// What a Redis server answers, as a value. Whatever it sends: reading one never fails in a way that
// the reader did not ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::sync::redis {

struct reply {
    enum class kind { nil, integer, text, error, array };

    kind what = kind::nil;
    std::int64_t number = 0;  // integer
    std::string text;         // text (also a status), error
    std::vector<reply> items; // array

    [[nodiscard]] bool is_nil() const noexcept { return what == kind::nil; }
    [[nodiscard]] bool is_text() const noexcept { return what == kind::text; }
    [[nodiscard]] bool is_array() const noexcept { return what == kind::array; }
    /// The n-th part of an array; a nil where there is none.
    [[nodiscard]] const reply& at(std::size_t n) const noexcept;
    /// The whole number, or the text that is one: 0 to 2^63 - 1. Nothing: it is none.
    [[nodiscard]] std::optional<std::int64_t> whole() const noexcept;
};

} // namespace postern::sync::redis
