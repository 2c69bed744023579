// How a request and a connection end, whatever they came by.
#pragma once

#include "edge/request/exchange.hpp"

#include <chrono>
#include <span>
#include <string_view>

namespace postern::edge {

/// Refuses a head that cannot be used: answered, and the connection ends.
[[nodiscard]] task<void> refuse_head(exchange& x, unsigned status, std::string_view reason);

/// Counts an answered request, and writes its line of the access log.
void conclude(exchange& x, std::chrono::steady_clock::time_point began);

/// Closes so that the client can read our last answer: a close with unread bytes would be a reset
/// that takes the answer with it (RFC 9112 9.6). Reads on for a while, bounded in time, into
/// `scratch`; ends early where nothing comes.
[[nodiscard]] task<void> linger(stream& client, std::span<char> scratch,
                                std::chrono::milliseconds at_most = std::chrono::seconds{5});

} // namespace postern::edge
