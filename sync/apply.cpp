#include "sync/apply.hpp"

#include "base/limits.hpp"
#include "base/percent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace postern::sync {
namespace {

constexpr std::uint64_t any_version = std::numeric_limits<std::uint64_t>::max();

cache::route_state state_of(session_status status) noexcept {
    switch (status) {
    case session_status::initializing:
        return cache::route_state::initializing;
    case session_status::active:
        return cache::route_state::active;
    case session_status::draining:
        return cache::route_state::draining;
    case session_status::failed:
        return cache::route_state::failed;
    case session_status::inactive:
        break;
    }
    return cache::route_state::inactive;
}

bool is_alive(session_status status) noexcept {
    return status != session_status::inactive && status != session_status::failed;
}

void touch_key(std::map<std::string, std::uint64_t, std::less<>>& touched, const std::string& key,
               std::uint64_t version) {
    if (key.empty())
        return;
    std::uint64_t& newest = touched[key];
    newest = std::max(newest, version);
}

/// The record lost its key and has it, or is about to get it: it was removed and made anew, or was
/// given other names. Either way it is not the session that was routed.
bool has_again(const change& one, const base::text_template& route_key) {
    if (one.route_key.empty())
        return false;
    const session& record = one.current->record;
    return one.route_key == (record.route_key.empty()
                                 ? route_key_of(record, route_key).value_or(std::string{})
                                 : record.route_key);
}

} // namespace

cache::route route_of(const session& record, std::uint64_t version,
                      std::chrono::milliseconds route_ttl) noexcept {
    cache::route made;
    made.state = state_of(record.status);
    made.target = record.target;
    made.version = version;
    made.started_at_ms = record.started_at_ms;
    made.access_generation = record.access_generation;
    if (record.status == session_status::inactive)
        made.resume_until_ms =
            std::max({record.last_activity_at_ms, record.started_at_ms, record.created_at_ms}) +
            route_ttl.count();
    // The ttl of a living session moves with every request, on any host, without a change record:
    // sync asks the store for those that have passed. Written here it would be out of date while
    // the session is in use.
    if (!is_alive(record.status))
        made.expires_at_ms = record.ttl_ms;
    made.set_text(record.session_id, record.status == session_status::failed
                                         ? std::string_view{record.reason}
                                         : std::string_view{});
    return made;
}

base::result<applied> applier::apply(store& from, const std::vector<change>& changes,
                                     std::int64_t now_ms) {
    step s;
    for (const change& one : changes) {
        touch_key(s.touched, one.route_key, one.version);
        if (!one.current)
            continue;
        if (has_again(one, options_.route_key))
            touch_key(s.removed, one.session_id, one.version);
        if (auto touched = touch(from, *one.current, one.version, false, s); !touched)
            return touched.error();
    }
    return resolve_all(from, s, now_ms);
}

base::result<applied> applier::apply_page(store& from, const std::vector<stored_session>& page,
                                          std::uint64_t version, bool rekey, std::int64_t now_ms) {
    step s;
    for (const stored_session& one : page)
        if (auto touched = touch(from, one, version, rekey, s); !touched)
            return touched.error();
    return resolve_all(from, s, now_ms);
}

base::result<applied> applier::apply_expired(store& from,
                                             const std::vector<stored_session>& expired,
                                             std::int64_t now_ms) {
    applied outcome;
    for (const stored_session& one : expired) {
        if (one.record.route_key.empty())
            continue;
        const std::string& key = one.record.route_key;
        auto of_key = from.list_by_route_key(key);
        if (!of_key)
            return of_key.error();
        drop_unusable(*of_key, key);
        const session* led = leading_session(*of_key, std::numeric_limits<std::int64_t>::min());
        const session* leads = leading_session(*of_key, now_ms);
        // Time has passed, but no version: what is in the table goes first, or it would count as
        // equally new.
        if (leads == nullptr || led->session_id != leads->session_id)
            remove(key, any_version, outcome);
        if (leads != nullptr)
            put(key, *leads, leads->version, 0, outcome);
    }
    return outcome;
}

base::result<void> applier::touch(store& from, const stored_session& one, std::uint64_t version,
                                  bool rekey, step& s) {
    const session& record = one.record;
    touch_key(s.touched, record.route_key, version);
    if (!one.defect.empty()) {
        watch_.defect(record.session_id, one.defect);
        return {};
    }
    base::route_key_fault fault;
    auto key = route_key_of(record, options_.route_key, &fault);
    const std::string& goes_by =
        key && (rekey || record.route_key.empty()) ? *key : record.route_key;
    if (!may_be_of_url(goes_by)) {
        watch_.defect(record.session_id,
                      fmt::format("no URL leads to its route key \"{}\": names in URLs are of "
                                  "letters, digits and . _ ~ -",
                                  goes_by));
        return {};
    }
    if (fault.what == base::route_key_fault::kind::ambiguous) {
        watch_.defect(record.session_id, base::text_of(fault, options_.route_key));
        key = ""; // one that was written into its record could be another session's
    } else if (!record.route_key.empty() && !rekey) {
        return {};
    } else if (!key) {
        watch_.defect(record.session_id,
                      fmt::format("its route key cannot be made of {}: clientId \"{}\", userId "
                                  "\"{}\", threadId \"{}\" must not be empty where they are used, "
                                  "and make at most {} bytes",
                                  options_.route_key.text(), record.client_id, record.user_id,
                                  record.thread_id, base::limits::route_key_bytes_max));
        return {};
    }
    if (*key == record.route_key)
        return {};
    if (!s.may_write)
        return {};
    auto set = from.set_route_key(record.session_id, *key, record.version);
    if (set) {
        touch_key(s.touched, *key, version);
        return {};
    }
    // Changed or gone meanwhile: the feed brings what it is now.
    if (set.error().code == store_error::conflict || set.error().code == store_error::not_found)
        return {};
    if (set.error().code != store_error::unavailable)
        return set;
    s.may_write = false; // one wait for the lock is enough in a step
    s.outcome.must_repeat = true;
    return {};
}

bool applier::may_be_of_url(std::string_view key) const noexcept {
    return std::all_of(key.begin(), key.end(), [&](char byte) {
        if (base::is_unreserved(byte) || options_.key_literals.find(byte) != std::string::npos)
            return true;
        const auto& pieces = options_.route_key.pieces();
        return std::any_of(pieces.begin(), pieces.end(), [&](const auto& piece) {
            return !piece.is_name && piece.text.find(byte) != std::string::npos;
        });
    });
}

void applier::drop_unusable(std::vector<session>& of_one_key, std::string_view key) const {
    if (!may_be_of_url(key))
        return of_one_key.clear();
    std::erase_if(of_one_key, [&](const session& one) {
        base::route_key_fault fault;
        static_cast<void>(route_key_of(one, options_.route_key, &fault));
        return fault.what == base::route_key_fault::kind::ambiguous;
    });
}

base::result<applied> applier::resolve_all(store& from, step& s, std::int64_t now_ms) {
    for (const auto& [key, version] : s.touched)
        if (auto resolved = resolve(from, key, version, now_ms, s); !resolved)
            return resolved.error();
    return s.outcome;
}

base::result<void> applier::resolve(store& from, std::string_view key, std::uint64_t version,
                                    std::int64_t now_ms, step& s) {
    if (key.size() > base::limits::route_key_bytes_max)
        return {}; // its record has a defect
    auto of_key = from.list_by_route_key(key);
    if (!of_key)
        return of_key.error();
    drop_unusable(*of_key, key);
    if (const session* leader = leading_session(*of_key, now_ms)) {
        const auto removed = s.removed.find(leader->session_id);
        put(key, *leader, std::max(version, leader->version),
            removed == s.removed.end() ? 0 : removed->second, s.outcome);
    } else {
        remove(key, version, s.outcome);
    }
    return {};
}

void applier::put(std::string_view key, const session& leader, std::uint64_t version,
                  std::uint64_t removed_at, applied& outcome) {
    using cache::put_result;
    const put_result did =
        table_.put(key, route_of(leader, version_base_ + version, options_.route_ttl),
                   removed_at == 0 ? 0 : version_base_ + removed_at);
    switch (did) {
    case put_result::inserted:
    case put_result::updated:
        ++outcome.changed;
        break;
    case put_result::unchanged:
        break;
    case put_result::full:
        outcome.was_full = true;
        break;
    case put_result::bad_key:
    case put_result::bad_text:
        watch_.defect(leader.session_id,
                      "its route key and id are together too long for the session table");
        remove(key, version, outcome); // it leads, so nothing else may be shown in its place
        return;
    }
    const bool present =
        did == put_result::inserted || did == put_result::updated || did == put_result::unchanged;
    watch_.resolved(key, present);
}

void applier::remove(std::string_view key, std::uint64_t version, applied& outcome) {
    if (table_.remove(key, version == any_version ? version : version_base_ + version)) {
        ++outcome.changed;
        watch_.resolved(key, false);
    }
}

} // namespace postern::sync
