// How the lifecycle takes stock: all moving records, a page at a time by id, compared with what is
// known of them. It finds what the feed has lost: changes, records that came, and those that went.
#include "control/lifecycle/lifecycle.hpp"

#include <algorithm>

namespace postern::control {
namespace {

using namespace std::chrono_literals;
using sync::session_stamp;
using sync::session_status;

constexpr auto round_pause = 60s;          // from the beginning of one round to that of the next
constexpr std::size_t turns_a_round = 200; // at most, of the 240 that a minute has
constexpr std::size_t page_min = 500, page_max = 10'000;
constexpr std::size_t page_behind = 2'000; // while nothing is known for sure
constexpr int pages_behind = 5;            // in one turn, so that launches are not kept waiting

} // namespace

const std::vector<session_status> lifecycle::moving{
    session_status::initializing, session_status::active, session_status::draining};

void lifecycle::fall_behind() {
    is_behind_ = true;
    stock_after_.clear();
}

void lifecycle::lose_feed() {
    checkpoint_.clear();
    has_stamps_ = false; // a store that was made anew counts from the beginning
    fall_behind();
}

void lifecycle::catch_up() {
    if (checkpoint_.empty()) {
        // The position comes first: what changes while we list is then seen twice, and never
        // missed.
        auto position = store_->feed_position();
        if (!position)
            return lose_store(position.error());
        checkpoint_ = std::move(*position);
    }
    auto came = paged::more;
    for (int i = 0; i < pages_behind && came == paged::more; ++i)
        came = compare_page(page_behind);
    next_feed_ = {}; // goes on at once: with the next page, or with the feed
    if (came != paged::last)
        return;
    if (!std::exchange(has_swept_, true))
        parts_.compute.sweep();
    is_behind_ = false;
    has_stamps_ = true;
    next_stock_ = parts_.time.steady() + round_pause;
}

void lifecycle::take_stock() {
    const auto now = parts_.time.steady();
    if (stock_after_.empty())
        stock_began_ = now;
    const auto came = compare_page(std::clamp(known_.size() / turns_a_round, page_min, page_max));
    if (came == paged::last)
        next_stock_ = stock_began_ + round_pause;
}

lifecycle::paged lifecycle::compare_page(std::size_t count_max) {
    const auto stamps = store_->list_stamps(moving, count_max, stock_after_);
    if (!stamps) {
        lose_store(stamps.error());
        return paged::lost;
    }
    const bool is_last = stamps->size() < count_max;
    if (!compare_stamps(*stamps, is_last)) {
        const auto records = store_->list(moving, count_max, stock_after_);
        if (!records) {
            lose_store(records.error());
            return paged::lost;
        }
        compare_records(*records, *stamps);
    }
    if (!is_last) {
        stock_after_ = stamps->back().session_id;
        return paged::more;
    }
    stock_after_.clear();
    // Whatever runs here is asked about, listed or not.
    for (const std::string& id : parts_.compute.sessions())
        owe_or_wait(id);
    return paged::last;
}

/// Both are in the order of the ids. False: there are records that are not known as they are now.
bool lifecycle::compare_stamps(const std::vector<session_stamp>& stamps, bool is_last) {
    bool is_as_known = true;
    auto at = known_.upper_bound(stock_after_);
    for (const session_stamp& stamp : stamps) {
        for (; at != known_.end() && at->first < stamp.session_id; ++at)
            owed_.insert(at->first); // gone, or at rest
        if (at == known_.end() || at->first != stamp.session_id) {
            is_as_known = false;
            continue;
        }
        if (has_stamps_ && at->second.record && at->second.stamp == stamp.version)
            mind_activity(at->first, at->second, stamp);
        else
            is_as_known = false;
        ++at;
    }
    for (; is_last && at != known_.end(); ++at)
        owed_.insert(at->first);
    return is_as_known;
}

/// No version tells of activity. Where it only goes on, the time at which the session is looked at
/// anyway is early enough.
void lifecycle::mind_activity(const std::string& id, memory& m, const session_stamp& stamp) {
    sync::session& record = *m.record;
    const bool ends_sooner =
        stamp.ttl_ms > 0 && (record.ttl_ms <= 0 || stamp.ttl_ms < record.ttl_ms);
    record.last_activity_at_ms = stamp.last_activity_at_ms;
    record.ttl_ms = stamp.ttl_ms;
    if (ends_sooner || record.status != session_status::active || parts_.compute.knows(record.task))
        owe_or_wait(id, m);
}

void lifecycle::compare_records(const std::vector<sync::session>& records,
                                const std::vector<session_stamp>& stamps) {
    auto stamp = stamps.begin();
    for (const sync::session& record : records) {
        memory& m = known_[record.session_id];
        if (!has_swept_)
            adopt_early(record, m);
        if (m.record && m.record->version != record.version) {
            owe_changed(record);
        } else {
            set_record(m, record);
            owe_or_wait(record.session_id, m);
        }
        // The records were read later than the stamps, and are at least as new.
        stamp = std::find_if(stamp, stamps.end(), [&](const session_stamp& one) {
            return one.session_id >= record.session_id;
        });
        if (stamp != stamps.end() && stamp->session_id == record.session_id)
            m.stamp = stamp->version;
    }
    // Those that are no longer in the list: gone, at rest, or not to be used any more.
    for (const session_stamp& one : stamps)
        if (const auto at = known_.find(one.session_id);
            at != known_.end() && std::exchange(at->second.stamp, one.version) != one.version)
            owed_.insert(at->first);
}

/// Everything is adopted before anything is started: a port of a launch that does not listen yet
/// looks free.
void lifecycle::adopt_early(const sync::session& record, memory& m) {
    if (parts_.compute.knows(record.task) &&
        parts_.compute.view(record.session_id).phase == launch_phase::none &&
        !parts_.compute.adopt(record))
        m.gone_task = record.task;
}

} // namespace postern::control
