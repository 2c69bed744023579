// The turn of the lifecycle thread and how it follows the store; stock.cpp has how it compares all,
// steps.cpp what it does to one session.
#include "control/lifecycle/lifecycle.hpp"

#include <algorithm>
#include <random>

namespace postern::control {
namespace {

using namespace std::chrono_literals;
using sync::session_status;

constexpr auto feed_pause = 250ms; // changes that nobody rang for: other programs, idle timers
constexpr auto scan_pause_min = 1s,
               scan_pause_max = 60s; // between two looks at the resting records
constexpr std::size_t page = 500;    // records or changes read at a time
constexpr int batches_max = 20; // of changes in one turn, so that launches are not kept waiting
constexpr auto retry_pause_max = 5000ms;
constexpr auto write_try_pause = 1000ms;

const std::vector<session_status> resting{session_status::inactive, session_status::failed};

/// Full jitter: several hosts that lost one store do not come back in step.
std::chrono::milliseconds retry_pause(unsigned failures) {
    const auto most = std::min(250ms * (1U << std::min(failures, 8U)), retry_pause_max);
    static std::minstd_rand random{std::random_device{}()};
    return std::chrono::milliseconds{
        std::uniform_int_distribution<std::int64_t>{50, most.count()}(random)};
}

} // namespace

lifecycle::lifecycle(const lifecycle_rules& rules, lifecycle_parts parts)
    : rules_{rules}, parts_{std::move(parts)} {}

void lifecycle::turn(std::span<::pollfd> also, std::chrono::milliseconds at_most) {
    const bool was_rung = wait(also, at_most);
    const auto now = parts_.time.steady();
    parts_.numbers.lifecycle_beat_ms.store(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(),
        std::memory_order_relaxed);
    const bool is_due = now >= next_feed_;
    if (is_due)
        next_feed_ = now + feed_pause;
    if (!has_store()) {
        if (rules_.is_stopping)
            for (const std::string& id : parts_.compute.sessions())
                parts_.compute.stop(id);
        return publish();
    }
    // Each of these can lose the store.
    if (!is_behind_ && (was_rung || (is_due && store_->may_have_changed())))
        follow_feed();
    if (store_ && is_behind_)
        catch_up();
    else if (store_ && is_due && now >= next_stock_)
        take_stock();
    if (!has_swept_)
        return publish();
    if (store_ && is_due) {
        owe_the_due();
        if (now >= next_scan_)
            scan_the_resting();
    }
    visit_the_owed();
    if (store_ && !is_behind_ && std::exchange(failures_, 0) > 0)
        parts_.log.notice("the store is back");
    publish();
}

bool lifecycle::wait(std::span<::pollfd> also, std::chrono::milliseconds at_most) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next_feed_ - parts_.time.steady());
    const auto timeout = std::clamp(left, 0ms, std::max(at_most, 0ms));
    std::vector<::pollfd> fds(also.begin(), also.end());
    fds.push_back({parts_.bell.fd(), POLLIN, 0});
    for (std::string& id : parts_.compute.wait(fds, timeout))
        owed_.insert(std::move(id));
    std::copy_n(fds.begin(), also.size(), also.begin());
    const bool was_rung = fds.back().revents != 0;
    if (was_rung)
        parts_.bell.silence(); // before we look: a ring from here on is for the next turn
    return was_rung;
}

void lifecycle::visit_the_owed() {
    for (auto it = owed_.begin(); store_ && it != owed_.end();)
        it = visit(*it) ? owed_.erase(it) : std::next(it);
}

void lifecycle::begin_stop() {
    rules_.is_stopping = true;
    next_feed_ = {};
    fall_behind(); // everything has to be asked again
    store_not_before_ = {};
}

bool lifecycle::has_stopped() const {
    if (is_loading_ && !has_swept_ && parts_.compute.running() == 0)
        return true; // nothing of ours is known to the store, or to us
    if (parts_.compute.running() > 0 || !owed_.empty() || is_behind_)
        return false;
    return std::all_of(known_.begin(), known_.end(), [this](const auto& entry) {
        const auto& [id, m] = entry;
        const situation now = situation_of(id, m);
        return next_step(m.record ? &*m.record : nullptr, now, rules_).what == act::nothing;
    });
}

bool lifecycle::has_store() {
    const auto now = parts_.time.steady();
    const bool was_away = !store_;
    if (was_away) {
        if (now < store_not_before_)
            return false;
        auto opened = parts_.open();
        if (!opened) {
            lose_store(opened.error());
            return false;
        }
        is_loading_ = false;
        store_ = std::move(*opened);
        lose_feed(); // what happened meanwhile is found by taking stock
    }
    if (parts_.health.why().empty() || (!was_away && now < next_write_try_))
        return true;
    // Something failed, here or in the API. That reading works tells nothing of writing.
    next_write_try_ = now + write_try_pause;
    if (const auto tried = store_->try_write(); !tried) {
        lose_store(tried.error());
        return false;
    }
    parts_.health.worked();
    return true;
}

void lifecycle::lose_store(const base::failure& why) {
    parts_.health.failed(why);
    is_loading_ = why.code == sync::store_error::loading;
    if (is_loading_) {
        store_.reset();
        store_not_before_ = parts_.time.steady() + retry_pause(0);
        return;
    }
    metrics::add(parts_.numbers.store_errors);
    if (failures_++ == 0)
        parts_.log.error("the store is away, sessions keep running: {}", why.text());
    store_.reset();
    store_not_before_ = parts_.time.steady() + retry_pause(failures_);
}

void lifecycle::set_record(memory& m, std::optional<sync::session> record) {
    if (m.record)
        --known_count_[static_cast<std::size_t>(m.record->status)];
    m.record = std::move(record);
    if (m.record)
        ++known_count_[static_cast<std::size_t>(m.record->status)];
}

void lifecycle::owe_changed(const sync::session& record) {
    set_record(known_[record.session_id], record);
    owed_.insert(record.session_id);
}

void lifecycle::follow_feed() {
    for (int batch = 0; batch < batches_max; ++batch) {
        auto read = store_->changes_after(checkpoint_, page);
        if (!read && read.error().code == sync::store_error::gap)
            return lose_feed();
        if (!read)
            return lose_store(read.error());
        for (const sync::change& c : read->changes) {
            if (c.current && c.current->defect.empty())
                owe_changed(c.current->record);
            else if (known_.contains(c.session_id))
                owed_.insert(c.session_id);
            else
                continue;
            known_[c.session_id].stamp = c.version;
        }
        checkpoint_ = std::move(read->checkpoint);
        if (read->at_end)
            return;
    }
    next_feed_ = {};
}

void lifecycle::owe_the_due() {
    for (const std::string& id : due_.take(base::to_epoch_ms(parts_.time.wall())))
        owe_or_wait(id);
    owe_the_refused();
}

/// What workers report about a target is in the table and nowhere else, so this has to go and look:
/// at what runs here, not at every session.
void lifecycle::owe_the_refused() {
    if (!parts_.table)
        return;
    for (std::string& id : parts_.compute.sessions()) {
        const auto at = known_.find(id);
        if (at == known_.end() || !at->second.record ||
            at->second.record->status != session_status::active)
            continue;
        const auto entry = parts_.table(at->second.record->route_key);
        if (entry && entry->activity.refused_at_ms > 0 &&
            entry->activity.refused_at_ms > parts_.compute.view(id).good_at_ms)
            owe_or_wait(id);
    }
}

void lifecycle::owe_or_wait(const std::string& id) {
    const auto at = known_.find(id);
    if (at != known_.end())
        owe_or_wait(id, at->second);
}

void lifecycle::owe_or_wait(const std::string& id, memory& m) {
    mind_draining(m);
    const sync::session* const record = m.record ? &*m.record : nullptr;
    const situation now = situation_of(id, m);
    if (next_step(record, now, rules_).what != act::nothing)
        owed_.insert(id);
    else
        due_.set(id, look_again_at_ms(record, now, rules_));
}

void lifecycle::scan_the_resting() {
    const auto records = store_->list(resting, page, scan_after_);
    if (!records)
        return lose_store(records.error());
    const std::int64_t now_ms = base::to_epoch_ms(parts_.time.wall()) - store_->clock_ahead_ms();
    for (const sync::session& record : *records) {
        ++scanned_[static_cast<std::size_t>(record.status)];
        if (sync::is_past_ttl(record, now_ms) || parts_.compute.knows(record.task))
            owed_.insert(record.session_id);
    }
    if (records->size() == page) {
        scan_after_ = records->back().session_id;
        return; // the next page comes with the next look at the feed
    }
    for (const session_status status : resting)
        parts_.numbers.sessions[static_cast<std::size_t>(status)].store(
            scanned_[static_cast<std::size_t>(status)], std::memory_order_relaxed);
    scanned_ = {};
    scan_after_.clear();
    next_scan_ = parts_.time.steady() + std::clamp<std::chrono::milliseconds>(
                                            rules_.history / 10, scan_pause_min, scan_pause_max);
}

void lifecycle::publish() {
    for (const session_status status : moving)
        parts_.numbers.sessions[static_cast<std::size_t>(status)].store(
            known_count_[static_cast<std::size_t>(status)], std::memory_order_relaxed);
    parts_.numbers.launches_running.store(parts_.compute.running(), std::memory_order_relaxed);
}

} // namespace postern::control
