// What the lifecycle does to one session.
#include "control/lifecycle/lifecycle.hpp"

#include <algorithm>

namespace postern::control {
namespace {

using sync::session_status;
using sync::store_error;

constexpr int steps_max = 32; // in one visit; more means that two rules disagree

bool is_at_rest(const std::optional<sync::session>& record) {
    return !record || record->status == session_status::inactive ||
           record->status == session_status::failed;
}

} // namespace

situation lifecycle::situation_of(const std::string& id, const memory& m) const {
    situation now;
    now.now_ms = base::to_epoch_ms(parts_.time.wall());
    now.clock_ahead_ms = store_ ? store_->clock_ahead_ms() : 0;
    now.launch = parts_.compute.view(id);
    now.running = parts_.compute.running();
    now.draining_since_ms = m.draining_since_ms;
    const auto window_began = parts_.time.steady() - rules_.restart_window;
    now.relaunches =
        static_cast<unsigned>(std::count_if(m.relaunches.begin(), m.relaunches.end(),
                                            [&](base::steady_time t) { return t > window_began; }));
    if (!m.record)
        return now;
    now.is_task_ours = parts_.compute.knows(m.record->task);
    now.is_task_gone = now.is_task_ours && m.gone_task == m.record->task;
    if (parts_.table && !m.record->route_key.empty())
        now.table = parts_.table(m.record->route_key);
    return now;
}

void lifecycle::mind_draining(memory& m) const {
    if (!m.record || m.record->status != session_status::draining)
        m.draining_since_ms = 0;
    else if (m.draining_since_ms == 0)
        m.draining_since_ms = base::to_epoch_ms(parts_.time.wall());
}

bool lifecycle::visit(const std::string& id) {
    memory& m = known_[id];
    if (!read_again(id, m))
        return false;
    for (int taken = 0;; ++taken) {
        mind_draining(m);
        const sync::session* const record = m.record ? &*m.record : nullptr;
        const situation now = situation_of(id, m);
        const step s = next_step(record, now, rules_);
        if (s.what == act::nothing) {
            due_.set(id, look_again_at_ms(record, now, rules_));
            break;
        }
        if (taken == steps_max) {
            parts_.log.error("session \"{}\": no rest after {} steps, looking again later", id,
                             taken);
            due_.set(id, now.now_ms);
            break;
        }
        if (!take_step(id, m, s))
            return false;
    }
    if (is_at_rest(m.record) && parts_.compute.view(id).phase == launch_phase::none) {
        due_.drop(id);
        set_record(m, std::nullopt);
        known_.erase(id);
    }
    return true;
}

bool lifecycle::take_step(const std::string& id, memory& m, const step& s) {
    switch (s.what) {
    case act::nothing:
        return true;
    case act::write:
        return write(id, m, s);
    case act::start:
        metrics::add(parts_.numbers.launches_started);
        parts_.compute.start(*m.record);
        return true;
    case act::adopt:
        if (!parts_.compute.adopt(*m.record))
            m.gone_task = m.record->task;
        return true;
    case act::stop:
        parts_.compute.stop(id);
        return true;
    case act::check:
        parts_.compute.check(id);
        return true;
    case act::forget:
        parts_.compute.forget(id);
        return true;
    case act::remove:
        return remove(id, m);
    }
    return true;
}

bool lifecycle::write(const std::string& id, memory& m, const step& s) {
    auto written = store_->replace(s.record);
    if (!written) {
        const auto code = written.error().code;
        const bool is_of_record = code == store_error::conflict || code == store_error::not_found ||
                                  code == store_error::invalid;
        if (!is_of_record) {
            lose_store(written.error());
            return false;
        }
        metrics::add(parts_.numbers.store_conflicts);
        return read_again(id, m);
    }
    parts_.sync_bell.ring();
    tell(*m.record, *written, s);
    set_record(m, std::move(*written));
    if (s.ends_launch)
        parts_.compute.forget(id);
    if (s.is_relaunch) {
        // Older ones than these can no longer count.
        if (m.relaunches.size() > rules_.restarts_max)
            m.relaunches.erase(m.relaunches.begin());
        m.relaunches.push_back(parts_.time.steady());
    }
    return true;
}

bool lifecycle::remove(const std::string& id, memory& m) {
    const auto removed = store_->remove(id, m.record->version);
    if (removed) {
        parts_.sync_bell.ring();
        metrics::add(parts_.numbers.records_removed);
        parts_.log.info("session \"{}\": its time is over, record removed", id);
        set_record(m, std::nullopt);
        return true;
    }
    const auto code = removed.error().code;
    if (code == store_error::conflict || code == store_error::not_found)
        return read_again(id, m);
    lose_store(removed.error());
    return false;
}

bool lifecycle::read_again(const std::string& id, memory& m) {
    auto record = store_->get(id);
    if (record) {
        set_record(m, std::move(*record));
    } else if (record.error().code == store_error::not_found) {
        set_record(m, std::nullopt);
    } else if (record.error().code == store_error::invalid) {
        // One record that makes no sense must not stop the others. What it runs goes on; where
        // nothing runs, there is nothing to do until the feed says that it was mended.
        parts_.log.warn("session \"{}\": {}", id, record.error().text());
        metrics::add(parts_.numbers.store_errors);
        if (parts_.compute.view(id).phase == launch_phase::none)
            set_record(m, std::nullopt);
    } else {
        lose_store(record.error());
        return false;
    }
    return true;
}

void lifecycle::tell(const sync::session& before, const sync::session& after, const step& s) {
    metrics& numbers = parts_.numbers;
    if (s.is_relaunch) {
        metrics::add(numbers.relaunches);
        parts_.log.warn("session \"{}\": {}, started again", after.session_id,
                        parts_.compute.view(after.session_id).reason);
        return;
    }
    if (before.status == after.status)
        return;
    switch (after.status) {
    case session_status::active: {
        const launch_view launch = parts_.compute.view(after.session_id);
        if (launch.ready_at_ms == 0)
            return; // adopted
        const std::int64_t took_ms =
            std::max<std::int64_t>(launch.ready_at_ms - launch.started_at_ms, 0);
        numbers.count_launch_ms(static_cast<std::uint64_t>(took_ms));
        parts_.log.notice("session \"{}\": active at {} after {} ms", after.session_id,
                          after.target.text(), took_ms);
        return;
    }
    case session_status::failed:
        metrics::add(numbers.launches_failed);
        parts_.log.warn("session \"{}\": failed: {}", after.session_id, after.reason);
        return;
    case session_status::draining: {
        const bool is_over = sync::is_past_ttl(after, base::to_epoch_ms(parts_.time.wall()));
        if (!rules_.is_stopping && !is_over)
            metrics::add(numbers.idle_stops);
        parts_.log.notice("session \"{}\": draining{}", after.session_id,
                          rules_.is_stopping ? ""
                          : is_over          ? ", its time is over"
                                             : ", it was idle");
        return;
    }
    default:
        parts_.log.notice("session \"{}\": {}", after.session_id, name_of(after.status));
    }
}

} // namespace postern::control
