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
#include "control/store_health.hpp"
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
    store_health& health;
    const base::clock& time;
    base::log& log;
};

/// Drives every session towards what its record says. All writes are conditional: after a conflict
/// it reads again and decides again, so any number of writers get on. One thread.
///
/// A turn first gathers which sessions may need a step: their launch, the feed, the time or a full
/// comparison names them. They are owed a visit. Then it visits each: reads the record again and
/// takes steps until there are none. A session that was visited to its end is owed nothing any
/// more; a visit that the store ends halfway (it cannot be read, or not written) stays owed, and so
/// do those behind it.
///
/// The store is away from the first call that fails for its sake until a turn has read what it has
/// to, has shown that writing works, and has visited all that were owed. What runs goes on running
/// meanwhile. Tries come after a growing pause.
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
    static const std::vector<sync::session_status> moving; // those that are kept known

    /// What is kept of a session between two looks. Dropped once its record and its launch are at
    /// rest.
    struct memory {
        std::optional<sync::session> record; // as last read
        std::uint64_t stamp = 0;             // the store's, as of when it was listed or fed
        std::int64_t draining_since_ms = 0;
        std::string gone_task; // adopting it was tried, in vain
        std::vector<base::steady_time> relaunches;
    };

    /// Launches that changed are owed. Whether the bell rang.
    bool wait(std::span<::pollfd> also, std::chrono::milliseconds at_most);
    /// True: there is a store, and it can be written as far as anybody knows.
    bool has_store();
    void lose_store(const base::failure& why);
    /// What is known may be anything but what the store has, until a whole round of comparisons.
    void fall_behind();
    /// The same, and what the feed's numbers stood for.
    void lose_feed();
    /// The next pages of that round.
    void catch_up();
    /// The next page of a round that bounds what the feed could have missed.
    void take_stock();
    /// The next page of whichever round; lost: the store.
    enum class paged { lost, more, last };
    [[nodiscard]] paged compare_page(std::size_t count_max);
    [[nodiscard]] bool compare_stamps(const std::vector<sync::session_stamp>& stamps, bool is_last);
    void compare_records(const std::vector<sync::session>& records,
                         const std::vector<sync::session_stamp>& stamps);
    void mind_activity(const std::string& id, memory& m, const sync::session_stamp& stamp);
    void adopt_early(const sync::session& record, memory& m);
    void follow_feed();
    void scan_the_resting();
    void owe_the_due();
    void owe_the_refused();
    void owe_changed(const sync::session& record);
    void set_record(memory& m, std::optional<sync::session> record);
    void mind_draining(memory& m) const;
    /// By what is known, without the store: owed if there is a step to take, else due when there
    /// may be.
    void owe_or_wait(const std::string& id);
    void owe_or_wait(const std::string& id, memory& m);
    void visit_the_owed();
    [[nodiscard]] situation situation_of(const std::string& id, const memory& m) const;
    /// All four: false when the store was lost on the way.
    [[nodiscard]] bool visit(const std::string& id);
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
    std::set<std::string> owed_;                 // a visit; only visit_the_owed takes out
    due_times due_;                              // the others of known_ that time alone can move
    std::array<std::uint64_t, 5> known_count_{}; // records in known_ by status
    std::string checkpoint_;                     // of the feed; empty: none
    bool is_behind_ = true;
    bool has_stamps_ = false; // those in known_ are of the feed that is followed
    bool has_swept_ = false;
    unsigned failures_ =
        0; // how often the store was lost since it was last well; 0: it is not away
    base::steady_time store_not_before_{};
    bool is_loading_ = false;                        // the store, for the first time
    base::steady_time next_write_try_{};             // while others say that writing fails
    base::steady_time next_feed_{};                  // look at the feed
    base::steady_time stock_began_{}, next_stock_{}; // the round of comparisons, its next page:
    std::string stock_after_;                        // behind this id
    base::steady_time next_scan_{}; // the page of resting records after scan_after_
    std::string scan_after_;
    std::array<std::uint64_t, 5> scanned_{}; // by status, in the scan under way
};

} // namespace postern::control
