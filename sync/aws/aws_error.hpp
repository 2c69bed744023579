// What can go wrong between here and an AWS service, told apart by what the caller does about it.
#pragma once

#include "base/error.hpp"

#include <string_view>

namespace postern::sync::aws {

/// Each stands for a different way on. Retries are over when a caller sees one.
enum class aws_error {
    throttled = 1,    // too much asked of the service: come back later, and with less
    denied,           // who we are is known, the right is missing: tell a person
    unrecognised,     // the service takes our credentials or signature for wrong or expired
    no_credentials,   // no source has any; the sentence names each and why
    misconfigured,    // region, endpoint, profile: what was set cannot be used
    validation,       // the request is wrong: our mistake, or a table that is not what it should be
    condition_failed, // a condition of the request did not hold
    conflict,         // someone else is at it: transaction conflicts, a table being made or removed
    not_found,        // no such table, stream, shard
    expired_iterator, // a shard iterator older than 15 minutes: get a new one
    trimmed,          // a position in a stream that is no longer kept: a gap
    too_large,        // request or answer above its bound
    clock_skew,       // our clock is wrong, and correcting for it did not help
    untrusted,        // TLS: the peer is not who it should be
    down,      // not reached, broken off, too late, or failing (5xx). A write may have been done
    garbage,   // an answer that cannot be read: no JSON, wrong CRC, not the service's
    refused,   // any other no; the sentence has the service's words
    cancelled, // the stop token was set
};

[[nodiscard]] const boost::system::error_category& aws_error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(aws_error e) noexcept {
    return {static_cast<int>(e), aws_error_category()};
}
/// "throttled": the enumerator's own name, for logs and metrics.
[[nodiscard]] std::string_view name_of(aws_error e) noexcept;

} // namespace postern::sync::aws

template <>
struct boost::system::is_error_code_enum<postern::sync::aws::aws_error> : std::true_type {};
