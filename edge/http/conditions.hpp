// Conditional requests (RFC 9110 13): whether a file is sent, and whether a range of it may be.
#pragma once

#include "edge/http/field.hpp"

#include <cstdint>
#include <string_view>

namespace postern::edge {

/// What identifies the present version of a file.
struct validators {
    std::string_view etag;       // strong, with its quotes
    std::int64_t modified_s = 0; // since the epoch, as Last-Modified says it
};

enum class condition {
    send,         // no condition, or it holds
    not_modified, // 304
    failed,       // 412
};

/// The outcome of If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since for GET or
/// HEAD, in the order of RFC 9110 13.2.2. Dates that cannot be read are ignored; lists may span
/// several fields.
[[nodiscard]] condition condition_of(const field_list& fields, const validators& file) noexcept;

/// Whether Range counts: there is no If-Range, or it names exactly this version (13.1.5: strong
/// comparison).
[[nodiscard]] bool range_counts(const field_list& fields, const validators& file) noexcept;

} // namespace postern::edge
