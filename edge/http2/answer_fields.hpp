// An answer's head, as the request path writes it in HTTP/1.1, taken apart for HTTP/2. Pure.
#pragma once

#include <boost/container/small_vector.hpp>

#include <span>
#include <string_view>

namespace postern::edge {

struct answer_field {
    std::string_view name; // in lower case
    std::string_view value;
};
using answer_fields = boost::container::small_vector<answer_field, 32>;

/// The status of a head in postern's own normal form; 0: it is none.
[[nodiscard]] unsigned status_of(std::string_view head) noexcept;

/// Takes a whole head apart, up to its empty line: ":status" first, then the fields with their
/// names in lower case (they are changed where they stand; views point there). What only HTTP/1.1
/// has is left out (RFC 9113 8.2.2). A 101 becomes the 200 that RFC 8441 5 wants. False: it is no
/// head of our own normal form.
[[nodiscard]] bool take_apart(std::span<char> head, answer_fields& out);

} // namespace postern::edge
