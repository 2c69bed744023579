// Sessions and readiness as JSON.
#include "base/call_notes.hpp"
#include "base/iso_time.hpp"
#include "control/api/names.hpp"
#include "control/api/preview_url.hpp"
#include "control/api/session_api.hpp"
#include "control/launch/output_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace postern::control {
namespace {

constexpr std::size_t output_lines_shown = 20;
constexpr std::int64_t lifecycle_stale_after_ms =
    15'000; // it may wait for the store's lock several times in one turn

json time_or_null(std::int64_t epoch_ms) {
    return epoch_ms > 0 ? json(base::iso_text(epoch_ms)) : json(nullptr);
}

/// One check of /readyz; `why` is empty when it is good.
/// `allowed`: what is the matter though it is ok.
json check_of(std::string_view why, std::string_view allowed = {}) {
    json check{{"ok", why.empty()}};
    if (!why.empty() || !allowed.empty())
        check["why"] = why.empty() ? allowed : why;
    return check;
}

/// Where the table counts other versions than the store: all that a route takes from its record.
bool is_routed_as(const cache::route& route, const sync::session& record) {
    return route.session_id() == record.session_id &&
           name_of(route.state) == name_of(record.status) && route.target == record.target &&
           route.started_at_ms == record.started_at_ms &&
           route.access_generation == record.access_generation;
}

} // namespace

std::int64_t session_api::last_activity_of(const sync::session& record) const {
    std::int64_t last = record.last_activity_at_ms;
    if (parts_.table && !record.route_key.empty())
        if (const auto shown = parts_.table(record.route_key))
            last = std::max(last, shown->activity.last_seen_ms);
    return last;
}

void session_api::add_preview_url(json& to, const sync::session& record) const {
    if (auto url = preview_url_of(parts_.opts.preview_url, record))
        to["previewUrl"] = *std::move(url);
}

json session_api::activated_of(const sync::session& record) const {
    json out{{"sessionId", record.session_id}};
    add_preview_url(out, record);
    out["status"] = name_of(record.status);
    return out;
}

json session_api::summary_of(const sync::session& record) const {
    json out{{"sessionId", record.session_id},
             {"status", name_of(record.status)},
             {"userId", record.user_id},
             {"threadId", record.thread_id},
             {"lastActivity", time_or_null(last_activity_of(record))}};
    add_preview_url(out, record);
    return out;
}

json session_api::status_of(const sync::session& record) const {
    const bool has_target = record.target.port != 0;
    json out{{"sessionId", record.session_id},
             {"status", name_of(record.status)},
             {"containerIp", has_target ? json(record.target.address.text()) : json(nullptr)},
             {"containerPort", has_target ? json(record.target.port) : json(nullptr)},
             {"lastActivity", time_or_null(last_activity_of(record))}};
    add_preview_url(out, record);
    out["clientId"] = record.client_id;
    out["userId"] = record.user_id;
    out["threadId"] = record.thread_id;
    out["startedAt"] = time_or_null(record.started_at_ms);
    out["ttl"] = record.ttl_ms / 1000;
    out["requestCount"] = record.request_count;
    out["bytesTransferred"] = record.bytes_transferred;
    if (!record.branch.empty())
        out["branch"] = record.branch;
    if (record.status != sync::session_status::failed)
        return out;
    out["reason"] = record.reason;
    if (parts_.opts.has_launcher)
        out["lastOutput"] = last_output_lines(
            output_path_of(parts_.opts.process.output_directory, record.session_id),
            output_lines_shown);
    return out;
}

bool session_api::sync_lives(const cache::table_status& table) const {
    const std::int64_t age_ms = base::to_epoch_ms(parts_.time.wall()) - table.sync_heartbeat_ms;
    return table.sync_heartbeat_ms > 0 && age_ms <= parts_.opts.sync_stale_after.count();
}

// The caller hands the link out at once: it must not be a 404 because the table is a moment behind.
// The table's version is the store's plus a base, so "at least" is what tells; a store that is
// elsewhere has versions of its own, and there the route's content does.
void session_api::wait_until_routed(const sync::session& record) const {
    if (!parts_.reader || !sync_lives(parts_.reader->status()))
        return;
    constexpr int looks_max = 1000;
    for (int look = 0; look < looks_max; ++look) {
        const auto route = parts_.reader->look_up(record.route_key);
        if (route && (route->version >= record.version || is_routed_as(*route, record)))
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

http_answer session_api::ready() {
    const std::string store = base::without_notes(parts_.store.trouble());

    std::string sync = "there is no session table", lag;
    if (parts_.reader) {
        const cache::table_status table = parts_.reader->status();
        const std::int64_t beat_ms = table.sync_heartbeat_ms;
        const std::int64_t age_ms = base::to_epoch_ms(parts_.time.wall()) - beat_ms;
        const bool is_fresh = sync_lives(table);
        const std::int64_t table_ms = base::to_epoch_ms(parts_.time.wall()) - table.synced_at_ms;
        const std::int64_t stale_ms = parts_.opts.table_stale_after.count();
        const bool is_stale = stale_ms > 0 && table_ms > stale_ms;
        sync = beat_ms == 0              ? "sync has not run yet"
               : !is_fresh               ? fmt::format("sync was last seen {} ms ago", age_ms)
               : table.synced_at_ms == 0 ? "the table does not hold all of the store yet"
               : is_stale ? fmt::format("the table is {} s old, stale_after allows {} s",
                                        table_ms / 1000, stale_ms / 1000)
                          : "";
        lag = parts_.store.lags_because();
        if (is_stale && !lag.empty())
            sync += ": " + lag;
    }

    const std::int64_t steady_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                       parts_.time.steady().time_since_epoch())
                                       .count();
    const std::int64_t turn_ms = parts_.numbers.lifecycle_beat_ms.load(std::memory_order_relaxed);
    const std::string lifecycle =
        turn_ms == 0 ? "it has not run yet"
        : steady_ms - turn_ms > lifecycle_stale_after_ms
            ? fmt::format("its last turn was {} ms ago", steady_ms - turn_ms)
            : "";

    const bool is_ready = store.empty() && sync.empty() && lifecycle.empty();
    http_answer answer =
        json_answer(is_ready ? 200 : 503, {{"status", is_ready ? "ready" : "not ready"},
                                           {"checks",
                                            {{"store", check_of(store)},
                                             {"sync", check_of(sync, lag)},
                                             {"lifecycle", check_of(lifecycle)}}}});
    if (!is_ready)
        answer.headers.emplace_back("Retry-After", "1");
    return answer;
}

} // namespace postern::control
