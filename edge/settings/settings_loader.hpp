// From a conf file to `settings`, or to one sentence that says file, line, directive and what would
// be right.
#pragma once

#include "edge/settings/settings.hpp"

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace postern::edge {

/// What is wrong with a conf. `text()` is what people read: FILE:LINE: directive "x": reason.
struct settings_error {
    std::string file;
    unsigned line = 0;     // 0: the file as a whole
    std::string directive; // empty: none in particular
    std::string reason;
    [[nodiscard]] std::string text() const;
};

[[noreturn]] inline void throw_exception_from_error(const settings_error& error,
                                                    const boost::source_location&) {
    throw std::runtime_error{error.text()};
}

using settings_result = boost::system::result<settings, settings_error>;

/// Reads `file` and everything it includes. Relative paths in the conf are relative to the conf
/// file's folder.
[[nodiscard]] settings_result load_settings(const std::string& file);
/// The same from text, for tests; `file` is only a name (its folder resolves relative paths).
[[nodiscard]] settings_result parse_settings(const std::string& text, const std::string& file);

/// What is allowed and hardly meant, a sentence each: also folders of static files and a launcher's
/// program that are not there now.
[[nodiscard]] std::vector<std::string> doubts_about(const settings& conf);

} // namespace postern::edge
