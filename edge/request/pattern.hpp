// capture_pattern made ready for matching: what a path or host pattern takes of a text.
#pragma once

#include "edge/request/locate.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// A pattern without its parse tree's detours. Names of captures point into the settings it was
/// made from.
class matcher {
  public:
    struct options {
        bool ignore_case =
            false; // literals are compared in lower case; the text must be lower case already
        bool whole = false;              // the text must end where the pattern does
        bool without_last_slash = false; // the pattern less its final '/'
    };
    /// Requires: `pattern` outlives the matcher; with without_last_slash it ends in a literal '/'.
    matcher(const capture_pattern& pattern, const options& how);

    /// Bytes of `text` that the pattern takes from its start, or nothing. Captures are appended to
    /// `found`; after a failure it is as before.
    [[nodiscard]] std::optional<std::size_t> match(std::string_view text, captures& found) const {
        if (!text.starts_with(head_))
            return std::nullopt;
        return match_behind_head(text, capture_run(text.substr(head_.size())), found);
    }
    /// The same of a text that is known to start with head(). `first_run`: capture_run of what
    /// follows it.
    [[nodiscard]] std::optional<std::size_t>
    match_behind_head(std::string_view text, std::size_t first_run, captures& found) const;
    /// How many bytes at the start of `text` a capture may hold.
    [[nodiscard]] static std::size_t capture_run(std::string_view text) noexcept;

    /// The literal bytes before the first capture.
    [[nodiscard]] const std::string& head() const noexcept { return head_; }
    [[nodiscard]] std::size_t literal_bytes() const noexcept { return literal_bytes_; }
    [[nodiscard]] std::size_t captures_count() const noexcept { return steps_.size(); }

  private:
    struct step {
        std::string_view name; // of a capture
        std::string literal;   // after it; empty only at the end
    };
    std::string head_;
    std::vector<step> steps_;
    std::size_t literal_bytes_ = 0;
    bool whole_;
};

} // namespace postern::edge
