// What sync says of a key that the table does not have, and a worker has asked for.
#pragma once

#include <chrono>
#include <cstdint>

namespace postern::cache {

/// What sync has said of a key.
enum class answer : std::uint8_t {
    none,    // nothing yet, or too long ago
    absent,  // the store has no such session
    refused, // it was not looked for, or the store did not answer
};

struct said_answer {
    answer what = answer::none;
    std::chrono::milliseconds age{};
};

/// How long `absent` is believed: a session that is made meanwhile comes by the feed.
inline constexpr std::chrono::milliseconds absent_for{1'500};

} // namespace postern::cache
