// The lifecycle thread's work: follows the store, asks next_step about each session, and does what
// it says.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/control_worker.hpp"
#include "control/launch/launcher.hpp"
#include "control/lifecycle/due_times.hpp"
#include "control/lifecycle/next_step.hpp"
#include "control/metrics/metrics.hpp"
#include "sync/store/store.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace postern::control {

/// What the session table shows for a route key; nothing where it has none.
using table_look = std::function<std::optional<table_entry>(std::string_view route_key)>;

/// What it all stands on; everything referenced outlives the lifecycle.
struct lifecycle_parts {
    sync::open_store open;
    launcher& compute;
    table_look table;
    const base::doorbell& sync_bell; // rung after each write
    const base::doorbell& bell;      // rings when the API has written
    metrics& numbers;
    const base::clock& time;
    base::log& log;
};

/// Drives every session towards what its record says. All writes are conditional: after a conflict
/// it reads again and decides again, so any number of writers get on. While the store is away, what
/// runs goes on running and what is owed is tried again. One thread.
class lifecycle {
  public:
    lifecycle(const lifecycle_rules& rules, lifecycle_parts parts);

    /// One turn: waits at most until something is due, for `also` (as poll(2)), a launch or a
    /// change, then looks at every session concerned. Ring what is in `also` to end the wait early.
    void turn(std::span<::pollfd> also, std::chrono::milliseconds at_most);
    /// From here on every launch is ended, and nothing is started.
    void begin_stop();
    /// After `begin_stop`: nothing runs any more, and the store knows it.
    [[nodiscard]] bool has_stopped() const;

  private:
    /// What is kept of a session between two looks. Dropped once its record and its launch are at
    /// rest.
    struct memory {
        std::optional<sync::session> record; // as last read
        std::int64_t draining_since_ms = 0;
        std::string gone_task; // adopting it was tried, in vain
        std::vector<base::steady_time> relaunches;
    };

    bool open_store();
    void lose_store(const base::failure& why);
    void take_stock();
    void follow_feed();
    void scan_the_resting();
    void look_at_due();
    void look_at_refused();
    void note(const sync::session& record);
    void set_record(memory& m, std::optional<sync::session> record);
    void mind_draining(memory& m) const;
    /// Without the store: whether there is anything to do by what is known, else when there may be.
    void consider(const std::string& id);
    [[nodiscard]] situation situation_of(const std::string& id, const memory& m) const;
    /// False: the store is away, look again later.
    [[nodiscard]] bool look_at(const std::string& id);
    [[nodiscard]] bool take_step(const std::string& id, memory& m, const step& s);
    [[nodiscard]] bool write(const std::string& id, memory& m, const step& s);
    [[nodiscard]] bool remove(const std::string& id, memory& m);
    [[nodiscard]] bool read_again(const std::string& id, memory& m);
    void tell(const sync::session& before, const sync::session& after, const step& s);
    void publish();

    lifecycle_rules rules_;
    lifecycle_parts parts_;
    std::unique_ptr<sync::store> store_;
    std::map<std::string, memory> known_;
    std::set<std::string> owed_; // to be looked at in this turn, or as soon as the store is back
    due_times due_;              // the others of known_ that time alone can move
    std::array<std::uint64_t, 5> known_count_{}; // records in known_ by status
    std::string checkpoint_;                     // empty: stock has to be taken
    bool has_swept_ = false;
    unsigned failures_ = 0; // of the store in a row
    base::steady_time store_not_before_{};
    base::steady_time next_feed_{};  // look at the feed
    base::steady_time next_stock_{}; // full comparison, to bound what the feed could have missed
    base::steady_time next_scan_{};  // the page of resting records after scan_after_
    std::string scan_after_;
    std::array<std::uint64_t, 5> scanned_{}; // by status, in the scan under way
};

} // namespace postern::control
