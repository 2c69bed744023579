// A whole reading of the remote table into the replica: marks what is there, sweeps the rest at its
// end. What feeds of every kind have in common.
#pragma once

#include "base/log.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/generation.hpp"
#include "sync/feed/parallel_scan.hpp"
#include "sync/feed/row_sink.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace postern::sync {

/// One at a time runs, from `begin` until `step` says that it ended or failed. Not thread-safe; the
/// references outlive it.
class snapshot {
  public:
    snapshot(row_sink& sink, feed_state& state, base::log& log)
        : sink_{sink}, state_{state}, log_{log} {}

    /// Why it is taken: a part of a sentence.
    /// `as_of_ms`: see row_sink::scan_begins.
    void begin(std::unique_ptr<parallel_scan> scan, std::int64_t as_of_ms, std::string_view why);
    /// Ends it before its time. The rows that it put stay, none is removed.
    void drop();
    [[nodiscard]] bool is_running() const noexcept { return running_ != nullptr; }
    /// The stream has brought these changes, and the replica has them.
    void touch(std::span<const row_change> changes);

    enum class progress {
        goes_on,
        ended, // swept
        held,  // read to its end, but the sweep is not believed
    };
    struct outcome {
        progress how = progress::goes_on;
        bool took_changes = false;
    };
    /// Takes one page, or sweeps. `position` is asked for the sweep's. Errors: the sink's (call
    /// again), the scan's (it is dropped then).
    [[nodiscard]] base::result<outcome> step(const std::function<std::string()>& position);
    [[nodiscard]] base::steady_time next_at() const;
    /// Of the last one that was read to its end.
    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
    /// What was held is of another table.
    void forget_held() noexcept { brake_.forget(); }

  private:
    struct running {
        std::unique_ptr<parallel_scan> scan;
        generation met;
        std::optional<parallel_scan::rows> page; // taken from the scan, not put yet
        std::uint64_t rows = 0;
        bool is_believed = false; // the brake has let its sweep through
    };

    [[nodiscard]] base::result<outcome> put_page();
    [[nodiscard]] base::result<outcome> sweep(const std::function<std::string()>& position);
    void end();

    row_sink& sink_;
    feed_state& state_;
    base::log& log_;
    sweep_brake brake_;
    std::unique_ptr<running> running_;
    std::uint64_t pages_ = 0;
};

} // namespace postern::sync
