// What the session API does to the store. Every write is conditional and answered by what the store
// then holds, so that any number of callers at once get one session and one launch.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/api/api_error.hpp"
#include "control/api/fields.hpp"
#include "control/api/store_pool.hpp"
#include "control/control_worker.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::control {

struct activated {
    sync::session record;
    enum class how {
        made,      // a new record
        unchanged, // it was initializing or active already
        restarted, // it was draining, inactive or failed
    } what = how::unchanged;
};

/// Thread-safe. Errors of all calls besides their own: store_unavailable (503), store_invalid
/// (500).
class sessions {
  public:
    /// Everything outlives this. `lifecycle_bell` is rung, like `sync_bell`, after each write.
    sessions(const options& opts, store_pool& stores, const base::doorbell& sync_bell,
             const base::doorbell& lifecycle_bell, const base::clock& time, base::log& log)
        : opts_{&opts}, stores_{&stores}, sync_bell_{&sync_bell},
          lifecycle_bell_{&lifecycle_bell}, time_{&time}, log_{&log} {}

    /// `wanted`: clientId, userId, threadId, and perhaps sessionId, branch, instruction, all
    /// checked. Errors: route_key_too_long (422), session_taken, route_key_taken, changed_meanwhile
    /// (409), sessions_max (503).
    [[nodiscard]] api_result<activated> activate(const fields& wanted);
    /// Starts the session that a route key leads to again if it is inactive or failed. Errors:
    /// not_found (404), changed_meanwhile, sessions_max.
    [[nodiscard]] api_result<activated> wake(std::string_view route_key);
    /// Moves the idle timer and the record's end; the new ttl, epoch ms, in the record. Errors:
    /// not_found, not_running (409).
    [[nodiscard]] api_result<sync::session> keep_alive(std::string_view session_id);
    /// Errors: not_found, changed_meanwhile.
    [[nodiscard]] api_result<sync::session> deactivate(std::string_view session_id);
    /// Makes every link to the session useless, and every cookie that one was exchanged for.
    /// Errors: not_found, changed_meanwhile.
    [[nodiscard]] api_result<sync::session> revoke_links(std::string_view session_id);
    [[nodiscard]] api_result<sync::session> get(std::string_view session_id);
    [[nodiscard]] api_result<std::vector<sync::session>> of_client(std::string_view client_id);
    /// Why the store cannot be used, for reading or writing; empty: it can. Does not write.
    [[nodiscard]] std::string trouble();
    /// Why this host's copy of a store elsewhere is late; empty: it is not, or nobody knows.
    [[nodiscard]] std::string lags_because();

  private:
    [[nodiscard]] api_result<store_pool::lease> store();
    /// Writes what `change_record` makes of the record, against other writers; nothing where it
    /// says false. Returns the record as it stands then.
    template <class Change>
    [[nodiscard]] api_result<sync::session> change(std::string_view session_id,
                                                   std::string_view what, Change change_record);
    [[nodiscard]] static api_error broken(store_pool::lease& store, const base::failure& why);
    [[nodiscard]] api_result<sync::session> wanted_session(store_pool::lease& store,
                                                           const fields& wanted) const;
    [[nodiscard]] api_result<void> route_key_is_free(store_pool::lease& store,
                                                     const sync::session& wanted) const;
    [[nodiscard]] api_result<void> has_room(store_pool::lease& store) const;
    /// The record as a launch begins with it.
    [[nodiscard]] sync::session begun(sync::session record) const;
    void announce() const;

    const options* opts_;
    store_pool* stores_;
    const base::doorbell* sync_bell_;
    const base::doorbell* lifecycle_bell_;
    const base::clock* time_;
    base::log* log_;
};

} // namespace postern::control
