// From what the store says to what the table holds: changes, snapshot pages and expired records
// become puts and removals.
#pragma once

#include "base/text_template.hpp"
#include "sync/route_table.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace postern::sync {

/// The route of a session, under `version`. Requires: an id of at most 255 bytes.
[[nodiscard]] cache::route route_of(const session& record, std::uint64_t version,
                                    std::chrono::milliseconds route_ttl) noexcept;

/// What one step did.
struct applied {
    std::uint64_t changed = 0; // routes put or removed
    bool was_full = false;     // the table refused a new session
    bool must_repeat =
        false; // a route key could not be written to the store: the same step again, later
};

/// A step says which route keys may have changed; each of them is then looked up in the store as it
/// is now, and what it leads to is put or it is removed. So a step may come twice, late, or after a
/// newer one: the table ends as the store is. What the table may hold of a key is a state of the
/// store at or after the version that stands with it. Not thread-safe; the references outlive it.
class applier {
  public:
    struct options {
        base::text_template route_key;
        std::chrono::milliseconds route_ttl{};
        std::string key_literals{}; // what else a URL's route key may have between its names
    };
    struct observers {
        std::function<void(std::string_view session_id, const std::string& defect)> defect;
        std::function<void(std::string_view key, bool present)>
            resolved; // after each put and removal
    };

    applier(options opts, route_table& table, observers watch)
        : options_{std::move(opts)}, table_{table}, watch_{std::move(watch)} {}

    /// All of the store's versions are raised by this much in the table; see
    /// checkpoint::version_base.
    void set_version_base(std::uint64_t base) noexcept { version_base_ = base; }
    [[nodiscard]] std::uint64_t version_base() const noexcept { return version_base_; }

    /// Errors: the store's. The table is then between the old and the new state; do the step again.
    [[nodiscard]] base::result<applied> apply(store& from, const std::vector<change>& changes,
                                              std::int64_t now_ms);
    /// Records read after the feed stood at `version`; `rekey`: route keys made by another template
    /// are made anew.
    [[nodiscard]] base::result<applied> apply_page(store& from,
                                                   const std::vector<stored_session>& page,
                                                   std::uint64_t version, bool rekey,
                                                   std::int64_t now_ms);
    /// Records whose ttl has passed while nothing else changed.
    [[nodiscard]] base::result<applied>
    apply_expired(store& from, const std::vector<stored_session>& expired, std::int64_t now_ms);

  private:
    using keys =
        std::map<std::string, std::uint64_t, std::less<>>; // with the version to resolve them at
    struct step {
        keys touched;
        keys removed; // ids of sessions that had lost their key and have it again, with when
        applied outcome;
        bool may_write = true; // until the store refuses to be written
    };

    [[nodiscard]] base::result<void> touch(store& from, const stored_session& one,
                                           std::uint64_t version, bool rekey, step& s);
    [[nodiscard]] base::result<void> resolve(store& from, std::string_view key,
                                             std::uint64_t version, std::int64_t now_ms, step& s);
    [[nodiscard]] base::result<applied> resolve_all(store& from, step& s, std::int64_t now_ms);
    /// Whether some URL may make this key: its names are of unreserved characters (RFC 3986 2.3),
    /// all others stand in a template.
    [[nodiscard]] bool may_be_of_url(std::string_view key) const noexcept;
    /// Takes out records that hold this key and must not: their names make no key that is theirs,
    /// or the key is no URL's.
    void drop_unusable(std::vector<session>& of_one_key, std::string_view key) const;
    void put(std::string_view key, const session& leader, std::uint64_t version,
             std::uint64_t removed_at, applied& outcome);
    void remove(std::string_view key, std::uint64_t version, applied& outcome);

    options options_;
    route_table& table_;
    observers watch_;
    std::uint64_t version_base_ = 0;
};

} // namespace postern::sync
