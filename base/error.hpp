// How errors travel: a value (`result<T>`) that carries an error_code and, where a person will read
// it, a sentence.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace postern::base {

using boost::system::error_code;

/// An error_code with the sentence that says what was wrong, where, and what would be right.
struct failure {
    error_code code;
    std::string what; // complete sentence without the code's own text; may be empty

    /// "what: code text", for the log and for people. Where the code is our own invalid_argument
    /// the sentence has said all; EINVAL of a system call is another.
    [[nodiscard]] std::string text() const {
        if (what.empty())
            return code.message();
        const bool said_all = code == make_error_code(boost::system::errc::invalid_argument);
        return said_all ? what : what + ": " + code.message();
    }
};

[[noreturn]] inline void throw_exception_from_error(const failure& error,
                                                    const boost::source_location&) {
    throw boost::system::system_error(error.code, error.what);
}

/// A value or a `failure`. Callers must look: the type is [[nodiscard]].
template <class T>
using result = boost::system::result<T, failure>;

/// The calling thread's errno as an error_code; read it before anything else can change it.
[[nodiscard]] error_code last_errno() noexcept;

} // namespace postern::base
