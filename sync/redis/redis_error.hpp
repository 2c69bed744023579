// What can go wrong with Redis, and what the feeds have to tell apart of it.
#pragma once

#include <boost/system/error_code.hpp>

namespace postern::sync::redis {

enum class redis_error {
    away = 1,   // no connection, or it broke; also: no answer in time
    refused,    // the server answered with an error
    strange,    // an answer that is none of this protocol, or not the one that was asked for
    too_large,  // an answer beyond the limits
    lease_lost, // another host may be the feeder now
    other_data, // the data in Redis was emptied, replaced or damaged
    stopped,
    foreign_key, // a key of ours is somebody else's, of another type
};
[[nodiscard]] const boost::system::error_category& redis_error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(redis_error e) noexcept {
    return {static_cast<int>(e), redis_error_category()};
}

} // namespace postern::sync::redis

template <>
struct boost::system::is_error_code_enum<postern::sync::redis::redis_error> : std::true_type {};
