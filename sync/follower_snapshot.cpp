// The snapshot half of the follower: mark what the store has, sweep what it no longer has.
#include "sync/checkpoint.hpp"
#include "sync/follower.hpp"
#include "sync/spread.hpp"

#include <algorithm>

namespace postern::sync {
namespace {

using base::result;

constexpr std::size_t page_records_max = 100; // a few milliseconds of work at most
constexpr std::uint64_t held_removals_min = 100;

} // namespace

result<void> follower::begin_snapshot(std::string_view why) {
    // The position comes first: what is written from here on is in the feed, what came before is in
    // the pages.
    auto position = store_->feed_position();
    if (!position)
        return position.error();
    auto next = std::make_unique<running_snapshot>();
    next->version = store_->version_at(*position);
    next->next_page_at = time_.steady();
    std::uint64_t newest = 0;
    table_.for_each(
        [&](std::string_view, const cache::route& one) { newest = std::max(newest, one.version); });
    if (!is_complete_)
        position_ = std::move(*position);
    // Above all that the table holds, so that each route is written anew: a comparison that left
    // out what has the same version would not find out what is wrong with it.
    if (applier_.version_base() + next->version <= newest)
        applier_.set_version_base(newest - next->version + 1);
    table_.begin_mark();
    must_recover_ = false;
    snapshot_ = std::move(next);
    expired_until_ms_ = ttls_as_of_ms();
    expired_after_id_.clear();
    table_.count(cache::counter::sync_snapshots);
    log_.info("snapshot of the store begins: {}", why);
    return {};
}

result<void> follower::read_page() {
    auto page = store_->read_snapshot(snapshot_->from, page_records_max);
    if (!page)
        return page.error();
    const auto done = applier_.apply_page(*store_, page->records, snapshot_->version, must_rekey_,
                                          ttls_as_of_ms());
    if (!done)
        return done.error();
    note(*done);
    if (done->must_repeat) {
        snapshot_->next_page_at = time_.steady() + options_.poll_interval;
        return {};
    }
    snapshot_->records += page->records.size();
    snapshot_->from = std::move(page->next);
    return snapshot_->from.empty() ? end_snapshot() : result<void>{};
}

bool follower::holds_sweep() {
    const std::uint64_t live = table_.live();
    const std::uint64_t kept = snapshot_->present.size();
    const std::uint64_t removals = live > kept ? live - kept : 0;
    const bool is_large = removals > held_removals_min && removals > live / 2;
    if (!is_large)
        return false;
    if (was_held_) {
        log_.warn("a second snapshot shows the same: {} of {} sessions are removed", removals,
                  live);
        return false;
    }
    log_.warn(
        "the snapshot of {} records would remove {} of {} sessions: nothing is removed before "
        "another snapshot shows the same",
        snapshot_->records, removals, live);
    return true;
}

result<void> follower::end_snapshot() {
    if (holds_sweep()) {
        was_held_ = true;
        if (auto begun = begin_snapshot("to confirm the last one"); !begun)
            return begun;
        snapshot_->next_page_at = time_.steady() + options_.confirm_after;
        return {};
    }
    was_held_ = false;
    const std::uint64_t removed = table_.sweep();
    log_.notice("snapshot of the store ended: {} records, {} sessions in the table, {} removed",
                snapshot_->records, table_.live(), removed);
    if (removed > 0)
        has_changed_ = true;
    snapshot_.reset();
    snapshot_at_ = time_.steady() + spread(options_.snapshot_interval, random_);
    full_retry_at_ = time_.steady() + options_.full_retry_interval;
    is_complete_ = true;
    is_behind_ = true; // synced once the feed has been read to its end
    must_rekey_ = false;
    keep_checkpoint();
    // Without the note, while another program has the store locked, the next start makes the keys
    // anew once more.
    if (const auto noted = store_->note_route_key_template(options_.route_key.text()); !noted)
        log_.info("route_key was not noted in the store: {}", noted.error().text());
    return {};
}

} // namespace postern::sync
