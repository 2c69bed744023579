// capture_pattern made ready for matching: what a path or host pattern takes of a text.
#pragma once

#include "edge/http/scan.hpp"
#include "edge/request/locate.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// The names of a conf's captures, numbered when it is loaded: a request's are compared as numbers.
class capture_names {
  public:
    /// The same for equal names. `name` is kept as a view.
    [[nodiscard]] capture_number number_of(std::string_view name);

  private:
    std::vector<std::string_view> names_; // by number
};

/// Bytes that many texts are compared with: the first eight at once, without a call.
class literal {
  public:
    literal() = default;
    explicit literal(std::string bytes);
    [[nodiscard]] bool begins(std::string_view text) const noexcept {
        if (text.size() < bytes_.size())
            return false;
        if (text.size() >= sizeof first_) {
            std::uint64_t first = 0;
            std::memcpy(&first, text.data(), sizeof first);
            if (((first ^ first_) & first_mask_) != 0)
                return false;
            if (bytes_.size() <= sizeof first_)
                return true;
        }
        return text.starts_with(bytes_);
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  private:
    std::string bytes_;
    std::uint64_t first_ = 0;
    std::uint64_t first_mask_ = 0; // of the bytes that there are
};

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
    matcher(const capture_pattern& pattern, const options& how, capture_names& names);

    static constexpr std::size_t no_match = std::string_view::npos;

    /// Bytes of `text` that the pattern takes from its start, or no_match. Captures are appended to
    /// `found`; without a match it is as before.
    [[nodiscard]] std::size_t match(std::string_view text, captures& found) const {
        if (!head_.begins(text))
            return no_match;
        return match_behind_head(text, capture_run(text.substr(head_.size())), found);
    }
    /// The same of a text that is known to start with head(). `first_run`: capture_run of what
    /// follows it.
    [[nodiscard]] std::size_t match_behind_head(std::string_view text, std::size_t first_run,
                                                captures& found) const {
        std::size_t length = 0;
        if (!steps_.empty()) { // most texts are another pattern's, and show it here
            length = capture_length(steps_.front(), text.substr(head_.size()), first_run);
            if (length == 0)
                return no_match;
        }
        return match_steps(text, length, found);
    }
    /// How many bytes at the start of `text` a capture may hold.
    [[nodiscard]] static std::size_t capture_run(std::string_view text) noexcept {
        const char* const begin = text.data();
        return static_cast<std::size_t>(find_capture_end(begin, begin + text.size()) - begin);
    }

    /// The literal bytes before the first capture.
    [[nodiscard]] const std::string& head() const noexcept { return head_.bytes(); }
    [[nodiscard]] std::size_t literal_bytes() const noexcept { return literal_bytes_; }
    [[nodiscard]] std::size_t captures_count() const noexcept { return steps_.size(); }

  private:
    struct step {
        std::string_view name; // of a capture
        capture_number number;
        literal behind; // empty only at the end
        // No capture holds the first byte of `behind`, so that a capture before it takes all it can
        // get; as it does at the end.
        bool takes_run;
        bool is_end; // nothing may stand behind `behind`
    };
    /// Bytes of the capture at the start of `left`, of which `run` may be one's; 0: no match.
    [[nodiscard]] static std::size_t capture_length(const step& s, std::string_view left,
                                                    std::size_t run) noexcept {
        if (!s.takes_run)
            return searched_length(s, left, run);
        const std::string_view after = left.substr(run);
        bool fits = s.behind.begins(after);
        if (s.is_end)
            fits = fits && after.size() == s.behind.size();
        else if (s.behind.size() == 0)
            fits = after.empty() || after.front() == '/';
        return fits ? run : 0;
    }
    [[nodiscard]] static std::size_t searched_length(const step& s, std::string_view left,
                                                     std::size_t run) noexcept;
    /// Requires: `first_length` of the first step's capture.
    [[nodiscard]] std::size_t match_steps(std::string_view text, std::size_t first_length,
                                          captures& found) const;

    literal head_;
    std::vector<step> steps_;
    std::size_t literal_bytes_ = 0;
    bool whole_;
};

} // namespace postern::edge
