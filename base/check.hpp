// POSTERN_CHECK: our own mistakes end the process, in every build; the master starts it again.
// Never on bytes from a peer, the store or the mapped file: those are validated and answered.
#pragma once

namespace postern::base {

/// Writes "check failed: EXPRESSION at FILE:LINE" to stderr and aborts.
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

} // namespace postern::base

#define POSTERN_CHECK(expression)                                                                  \
    (static_cast<bool>(expression)                                                                 \
         ? static_cast<void>(0)                                                                    \
         : ::postern::base::check_failed(#expression, __FILE__, __LINE__))
