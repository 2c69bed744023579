// The pages that postern itself shows: self-contained HTML, light and dark, overridable by file.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "edge/settings/settings.hpp"

namespace postern::edge {

/// What a page can tell. Everything is escaped when it is put in.
struct page_values {
    std::string_view session_id;
    std::string_view prefix;       // of the session on this origin: "/session/x" or ""
    std::string_view reason;       // failed: why; error: what
    unsigned status = 0;
    wake_mode wake = wake_mode::auto_;
    std::int64_t waited_ms = 0;    // since the launch began; 0: unknown
};

/// All pages of one conf, read once. A page is HTML with {{names}}: session_id, prefix, reason, status, wake, waited_ms.
class page_set {
  public:
    page_set(); // the built-in ones
    /// The page's HTML. Appends to `out`.
    void render(page which, const page_values& values, std::string& out) const;
    /// Replaces a page. Errors: the file cannot be read, or is larger than 1 MiB.
    [[nodiscard]] base::result<void> load(page which, const std::string& file);

  private:
    std::array<std::string, static_cast<std::size_t>(page::count_)> html_;
};

/// Paths below a session's prefix that postern answers itself.
inline constexpr std::string_view events_path = "/.postern/events"; // GET, server-sent events: "state: ..." until active
inline constexpr std::string_view wake_path = "/.postern/wake";     // POST from resume and error pages

} // namespace postern::edge
