// Sessions begin: activate and wake; session_upkeep.cpp has the rest.
#include "control/api/sessions.hpp"

#include "base/limits.hpp"
#include "control/api/names.hpp"
#include "control/api/session_errors.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::control {
namespace {

using sync::session;
using sync::session_status;
using sync::store_error;

constexpr std::size_t counted_max = 100'000; // records looked at for sessions_max

std::string value_or_empty(const fields& from, std::string_view name) {
    const auto at = from.find(name);
    return at == from.end() ? std::string{} : at->second;
}

bool is_same_work(const session& a, const session& b) {
    return a.client_id == b.client_id && a.user_id == b.user_id && a.thread_id == b.thread_id;
}

api_error taken(const session& by) {
    return {409, "session_taken",
            fmt::format("session \"{}\" belongs to client \"{}\", user \"{}\", thread \"{}\"; give "
                        "another sessionId, or that client, user and thread",
                        by.session_id, by.client_id, by.user_id, by.thread_id),
            "sessionId"};
}

} // namespace

api_result<store_pool::lease> sessions::store() {
    auto lease = stores_->take();
    if (lease)
        return std::move(*lease);
    return api_error{503,
                     "store_unavailable",
                     fmt::format("the store cannot be reached; nothing was changed, try again: {}",
                                 lease.error().text()),
                     {},
                     {{"Retry-After", "2"}}};
}

api_error sessions::broken(store_pool::lease& store, const base::failure& why) {
    if (why.code == store_error::invalid)
        return {500, "store_invalid", "the store holds a record that makes no sense: " + why.what};
    store.give_up(why);
    return {503,
            "store_unavailable",
            "the store did not answer: " + why.text(),
            {},
            {{"Retry-After", "2"}}};
}

void sessions::announce() const {
    sync_bell_->ring();
    lifecycle_bell_->ring();
}

session sessions::begun(session record) const {
    const std::int64_t now_ms = base::to_epoch_ms(time_->wall());
    record.status = session_status::initializing;
    record.reason.clear();
    record.target = {};
    record.started_at_ms = now_ms;
    record.last_activity_at_ms = now_ms;
    record.ttl_ms = now_ms + opts_->history.count();
    return record;
}

api_result<session> sessions::wanted_session(store_pool::lease& store, const fields& wanted) const {
    session s;
    s.client_id = value_or_empty(wanted, "clientId");
    s.user_id = value_or_empty(wanted, "userId");
    s.thread_id = value_or_empty(wanted, "threadId");
    s.branch = value_or_empty(wanted, "branch");
    s.instruction = value_or_empty(wanted, "instruction");
    s.session_id = value_or_empty(wanted, "sessionId");
    const auto names = opts_->route_key.names();
    const bool key_has_id = std::find(names.begin(), names.end(), "sessionId") != names.end();
    const bool has_id = !s.session_id.empty();
    if (!has_id && key_has_id)
        s.session_id = fmt::format("{}-{}-{}", s.client_id, s.user_id, s.thread_id);
    base::route_key_fault fault;
    const auto key = sync::route_key_of(s, opts_->route_key, &fault);
    if (fault.what == base::route_key_fault::kind::ambiguous)
        return api_error{400, "route_key_ambiguous", base::text_of(fault, opts_->route_key),
                         std::string{fault.name}};
    if (!key || s.session_id.size() > base::limits::session_id_bytes_max)
        return api_error{
            422, "route_key_too_long",
            fmt::format("the names make a route key or session id of more than {} bytes "
                        "(route_key is {}); use shorter ones",
                        base::limits::route_key_bytes_max, opts_->route_key.text())};
    s.route_key = *key;
    if (has_id || key_has_id)
        return s;
    // Whatever its id is, the session of this route key is the one that is meant.
    const auto known = store->find_by_route_key(s.route_key);
    if (!known && known.error().code != store_error::not_found)
        return broken(store, known.error());
    s.session_id = known ? known->session_id : s.route_key;
    return s;
}

api_result<void> sessions::route_key_is_free(store_pool::lease& store,
                                             const session& wanted) const {
    const auto other = store->find_by_route_key(wanted.route_key);
    if (!other && other.error().code == store_error::not_found)
        return {};
    if (!other)
        return broken(store, other.error());
    return api_error{
        409, "route_key_taken",
        fmt::format("route key \"{}\" leads to session \"{}\" already; leave sessionId out, "
                    "or give that one",
                    wanted.route_key, other->session_id),
        "sessionId"};
}

api_result<void> sessions::has_room(store_pool::lease& store) const {
    if (!opts_->has_launcher || opts_->sessions_max == 0)
        return {};
    const auto alive = store->list(
        {session_status::initializing, session_status::active, session_status::draining},
        counted_max, {});
    if (!alive)
        return broken(store, alive.error());
    const auto launched = std::count_if(alive->begin(), alive->end(), [](const session& s) {
        return s.status == session_status::initializing || !s.task.empty();
    });
    if (static_cast<std::size_t>(launched) < opts_->sessions_max)
        return {};
    return api_error{
        503,
        "sessions_max",
        fmt::format("{} sessions run, and sessions_max allows {}; deactivate one, or try "
                    "again later",
                    launched, opts_->sessions_max),
        {},
        {{"Retry-After", "30"}}};
}

api_result<activated> sessions::activate(const fields& wanted) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    store_pool::lease& store = *opened;
    const auto meant = wanted_session(store, wanted);
    if (!meant)
        return meant.error();
    for (int tried = 0; tried < tries_max; ++tried) {
        auto known = store->get(meant->session_id);
        if (!known && known.error().code != store_error::not_found)
            return broken(store, known.error());
        if (known && !is_same_work(*known, *meant))
            return taken(*known);
        if (known && is_running(*known))
            return activated{*known, activated::how::unchanged};
        if (!known)
            if (auto is_free = route_key_is_free(store, *meant); !is_free)
                return is_free.error();
        if (auto room = has_room(store); !room)
            return room.error();

        session record = begun(known ? *known : *meant);
        record.route_key = meant->route_key;
        if (!meant->branch.empty())
            record.branch = meant->branch;
        if (!meant->instruction.empty())
            record.instruction = meant->instruction;
        if (!known)
            record.created_at_ms = record.started_at_ms;
        const auto written = known ? store->replace(record) : store->insert(record);
        if (written) {
            announce();
            log_->info("session \"{}\": activated for client \"{}\", user \"{}\"",
                       record.session_id, record.client_id, record.user_id);
            return activated{*written, known ? activated::how::restarted : activated::how::made};
        }
        const auto code = written.error().code;
        if (code != store_error::conflict && code != store_error::exists &&
            code != store_error::not_found)
            return broken(store, written.error());
    }
    return changed_meanwhile(meant->session_id);
}

api_result<activated> sessions::wake(std::string_view route_key) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    store_pool::lease& store = *opened;
    for (int tried = 0; tried < tries_max; ++tried) {
        const auto known = store->find_by_route_key(route_key);
        if (!known && known.error().code == store_error::not_found)
            return not_found("session with route key", route_key);
        if (!known)
            return broken(store, known.error());
        if (known->status != session_status::inactive && known->status != session_status::failed)
            return activated{*known, activated::how::unchanged};
        if (auto room = has_room(store); !room)
            return room.error();
        const auto written = store->replace(begun(*known));
        if (written) {
            announce();
            log_->info("session \"{}\": woken", written->session_id);
            return activated{*written, activated::how::restarted};
        }
        if (written.error().code != store_error::conflict &&
            written.error().code != store_error::not_found)
            return broken(store, written.error());
    }
    return changed_meanwhile(route_key);
}

std::string sessions::lags_because() {
    auto opened = stores_->take();
    if (!opened)
        return opened.error().text();
    auto why = (*opened)->lags_because();
    if (why)
        return std::move(*why);
    opened->give_up(why.error());
    return why.error().text();
}

} // namespace postern::control
