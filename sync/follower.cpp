#include "sync/follower.hpp"

#include "sync/checkpoint.hpp"
#include "sync/spread.hpp"

#include <algorithm>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using base::result;

constexpr std::size_t batch_changes_max = 1'000;
constexpr std::size_t defects_logged_max = 10'000; // sessions; more are counted, not logged
constexpr auto store_patience = 100ms; // for other writers; routes must not wait for long
constexpr std::chrono::milliseconds loaded_soon{250}; // a replica: a ring says when
constexpr auto rung_retry_after = 100ms; // a ring tries a store that is away again, not more often
constexpr std::size_t expired_records_max = 500;
constexpr std::int64_t clock_is_back_by_ms = 10'000; // less is made up by waiting
constexpr std::int64_t on_its_way_ms = 2'000; // a write, until a stream that has been read has it

} // namespace

follower::follower(const options& opts, const open_store& open, cache::session_writer& table,
                   const base::clock& time, base::log& log, std::uint64_t seed)
    : options_{opts}, open_{open}, table_{table}, time_{time}, log_{log}, routes_{table},
      applier_{{opts.route_key, opts.route_ttl, opts.key_literals},
               routes_,
               {[this](std::string_view id, const std::string& defect) { note_defect(id, defect); },
                [this](std::string_view key, bool present) {
                    if (!snapshot_)
                        return;
                    const std::uint64_t hash = std::hash<std::string_view>{}(key);
                    if (present)
                        snapshot_->present.insert(hash);
                    else
                        snapshot_->present.erase(hash);
                }}},
      backoff_{{}, seed}, random_{seed} {}

base::steady_time follower::work(bool rung) {
    const auto now = time_.steady();
    const bool tries_early = rung && now - tried_at_ >= rung_retry_after;
    if (!store_ && now < retry_at_ && !tries_early)
        return retry_at_;
    const auto done = store_ ? do_due_work(rung) : connect();
    if (!done)
        go_away(done.error());
    return next_work();
}

base::steady_time follower::next_work() const {
    if (!store_)
        return retry_at_;
    if (is_behind_ || must_recover_)
        return {};
    if (snapshot_)
        return std::min(poll_at_, snapshot_->next_page_at);
    return std::min({poll_at_, snapshot_at_, expiry_at_});
}

void follower::recover() noexcept {
    must_recover_ = true;
    is_complete_ = false;
    was_held_ = false; // the next snapshot comes too soon to confirm anything
}

result<void> follower::connect() {
    tried_at_ = time_.steady();
    auto opened = open_();
    if (!opened)
        return opened.error();
    store_ = std::move(*opened);
    store_->set_patience(store_patience);
    auto identity = store_->identity();
    if (!identity)
        return identity.error();
    store_identity_ = std::move(*identity);
    const auto noted = store_->route_key_template();
    if (!noted)
        return noted.error();
    must_rekey_ = !noted->empty() && *noted != options_.route_key.text();
    is_behind_ = must_repeat_ = false;
    poll_at_ = expiry_at_ = {};
    return resume_or_snapshot();
}

result<void> follower::resume_or_snapshot() {
    is_complete_ = false;
    const auto kept = checkpoint_of(table_.checkpoint());
    if (!kept)
        return begin_snapshot("the table has no checkpoint");
    if (kept->store != store_identity_)
        return begin_snapshot("the table is of another store");
    if (kept->route_ttl != options_.route_ttl)
        return begin_snapshot("route_ttl was changed");
    if (must_rekey_)
        return begin_snapshot("route_key was changed: keys are made anew");
    position_ = kept->position;
    applier_.set_version_base(kept->version_base);
    is_complete_ = true;
    is_behind_ = true; // until the feed has said otherwise
    expired_until_ms_ = 0;
    if (snapshot_at_ == base::steady_time{})
        snapshot_at_ = time_.steady() + spread(options_.snapshot_interval, random_);
    return {};
}

result<void> follower::do_due_work(bool rung) {
    const auto now = time_.steady();
    if (rung || is_behind_ || now >= poll_at_)
        if (auto read = read_feed(rung); !read)
            return read;
    if (must_recover_)
        return begin_snapshot("the table was damaged");
    if (snapshot_)
        return now >= snapshot_->next_page_at ? read_page() : result<void>{};
    if (now >= snapshot_at_)
        return begin_snapshot("it is due");
    if (is_full_ && now >= full_retry_at_ && table_.live() < table_.capacity()) {
        is_full_ = false;
        return begin_snapshot("the table has room again");
    }
    if (now >= expiry_at_)
        return read_expired();
    return {};
}

result<void> follower::read_feed(bool rung) {
    poll_at_ = time_.steady() + options_.poll_interval;
    const bool looks = store_->may_have_changed();
    if (looks || rung || is_behind_ || must_repeat_) {
        auto batch = store_->changes_after(position_, batch_changes_max);
        if (!batch) {
            if (batch.error().code != store_error::gap)
                return batch.error();
            is_complete_ = is_behind_ = must_repeat_ = false;
            return begin_snapshot(batch.error().what);
        }
        const auto done = applier_.apply(*store_, batch->changes, ttls_as_of_ms());
        if (!done)
            return done.error();
        note(*done);
        must_repeat_ = done->must_repeat;
        is_behind_ = !must_repeat_ && !batch->at_end;
        if (!must_repeat_ && position_ != batch->checkpoint) {
            position_ = std::move(batch->checkpoint);
            if (is_complete_)
                keep_checkpoint();
        }
    }
    if (is_complete_ && !is_behind_ && !must_repeat_) {
        if (const std::int64_t known_ms = known_as_of_ms(); known_ms > 0)
            table_.set_synced_at(known_ms);
        note_working();
    }
    return {};
}

std::int64_t follower::ttls_as_of_ms() {
    if (const std::int64_t known_ms = known_as_of_ms();
        known_ms > ttls_held_until_ms_ + on_its_way_ms)
        ttls_as_of_ms_ = known_ms;
    return ttls_as_of_ms_;
}

result<void> follower::read_expired() {
    expiry_at_ = time_.steady() + options_.expiry_interval;
    const std::int64_t now = ttls_as_of_ms();
    if (now < expired_until_ms_ - clock_is_back_by_ms)
        return begin_snapshot("the clock was set back: what counted as expired may not have been");
    if (now <= expired_until_ms_)
        return {};
    auto expired =
        store_->list_expired(expired_until_ms_, expired_after_id_, now, expired_records_max);
    if (!expired)
        return expired.error();
    const auto done = applier_.apply_expired(*store_, *expired, now);
    if (!done)
        return done.error();
    note(*done);
    const bool has_more = expired->size() == expired_records_max;
    expired_until_ms_ = has_more ? expired->back().record.ttl_ms : now;
    expired_after_id_ = has_more ? expired->back().record.session_id : std::string{};
    if (has_more)
        expiry_at_ = time_.steady();
    return {};
}

void follower::keep_checkpoint() {
    const auto kept = table_.set_checkpoint(
        text_of({store_identity_, position_, applier_.version_base(), options_.route_ttl}));
    if (!kept)
        log_.error("the table's checkpoint cannot be kept: {}", kept.error().text());
}

void follower::note(const applied& done) {
    if (done.changed > 0) {
        has_changed_ = true;
        table_.count(cache::counter::sync_applied, done.changed);
    }
    if (done.was_full && !is_full_) {
        is_full_ = true;
        full_retry_at_ = time_.steady() + options_.full_retry_interval;
        if (table_.live() < table_.capacity())
            log_.error(
                "the session table's disk is full: new sessions with long names are refused; "
                "make room on it, or move session_table");
        else
            log_.error("the session table is full: new sessions are refused beyond {}; raise "
                       "capacity in session_table",
                       table_.capacity());
    }
}

void follower::note_defect(std::string_view session_id, const std::string& defect) {
    const std::size_t hash = std::hash<std::string>{}(defect);
    if (defects_.size() >= defects_logged_max && defects_.count(std::string{session_id}) == 0) {
        table_.count(cache::counter::sync_skipped);
        return;
    }
    std::size_t& logged = defects_[std::string{session_id}];
    if (logged == hash)
        return;
    logged = hash;
    table_.count(cache::counter::sync_skipped);
    log_.warn("session \"{}\" is not routed: {}", session_id, defect);
}

void follower::note_working() {
    backoff_.reset();
    const base::error_code was = std::exchange(away_code_, {});
    if (!was || was == store_error::loading)
        return;
    log_.notice("the store is back; {} sessions in the table", table_.live());
}

void follower::go_away(const base::failure& why) {
    store_.reset();
    snapshot_.reset();
    const bool is_loading = why.code == store_error::loading;
    retry_at_ = time_.steady() + (is_loading ? loaded_soon : backoff_.next());
    if (!is_loading)
        table_.count(cache::counter::sync_errors);
    if (away_code_ == why.code)
        return;
    away_code_ = why.code;
    if (is_loading)
        return log_.notice("{}; {} sessions stay routed as they were", why.what, table_.live());
    log_.error("the store is away, {} sessions stay routed as they were: {}", table_.live(),
               why.text());
}

} // namespace postern::sync
