// The pages that postern itself shows: self-contained HTML, light and dark, overridable by file.
#pragma once

#include "base/error.hpp"
#include "edge/settings/settings.hpp"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::edge {

/// What a page can tell. Everything is escaped when it is put in.
struct page_values {
    std::string_view session_id;
    std::string_view prefix; // of the session on this origin: "/session/x" or ""
    std::string_view reason; // failed: why; error: what
    unsigned status = 0;
    wake_mode wake = wake_mode::auto_;
    std::int64_t waited_ms = 0; // since the launch began; 0: unknown
};

/// What a page has places for.
enum class page_slot : std::uint8_t { none, session_id, prefix, reason, status, wake, waited_ms };

/// A page cut at its places: text, then a value.
struct page_piece {
    std::string text;
    page_slot then = page_slot::none;
};

/// All pages of one conf, read once. A page is HTML with {{names}}: session_id, prefix, reason,
/// status, wake (auto, button or off), waited_ms; put them into text or quoted attributes only,
/// never into a script. Other {{names}} stay as written.
class page_set {
  public:
    page_set(); // the built-in ones
    /// The page's HTML. Appends to `out`.
    void render(page which, const page_values& values, std::string& out) const;
    /// Replaces a page. Errors: the file cannot be read, or is larger than 1 MiB.
    [[nodiscard]] base::result<void> load(page which, const std::string& file);

  private:
    std::array<std::vector<page_piece>, static_cast<std::size_t>(page::count_)> pages_;
};

/// The pages of each location that has files of its own. Errors: the first file that is no good.
using page_sets = std::unordered_map<const location_settings*, page_set>;
[[nodiscard]] base::result<page_sets> load_page_sets(const settings& conf);

/// Marks every page and short answer that postern gives in a session's place ("x-postern-page:
/// loading"): a page that waits looks at its own URL until the mark is gone. Never passed on from
/// an upstream.
inline constexpr std::string_view page_mark = "x-postern-page";

/// Paths below a session's prefix that postern answers itself.
/// GET, server-sent events `event: state`, `data: {"state":"initializing"}`, until active; failed
/// also has "reason". States: initializing, active, draining, inactive, failed, unknown.
inline constexpr std::string_view events_path = "/.postern/events";
/// POST from resume and error pages, with `x-postern-wake: 1` from a script (other sites cannot
/// send it without a preflight), or from a form without JavaScript (Accept: text/html), which wants
/// a 303 to the session.
inline constexpr std::string_view wake_path = "/.postern/wake";

} // namespace postern::edge
