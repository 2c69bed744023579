// The half of the streams feed that reads shards: opens them, takes their pages, and tells what has
// failed from what is lost.
#include "sync/feed/streams_feed.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync {
namespace {

using base::result;

constexpr int failures_told = 3; // in a row, of one shard

} // namespace

shard* streams_feed::most_overdue() {
    shard* found = nullptr;
    for (auto& [id, one] : tree_.open())
        if (found == nullptr || one.pace.due() < found->pace.due())
            found = &one;
    return found != nullptr && found->pace.due() <= time_.steady() ? found : nullptr;
}

result<void> streams_feed::read(shard& from) {
    return from.iterator.empty() ? open(from) : poll(from);
}

result<void> streams_feed::open(shard& one) {
    const auto now = time_.steady();
    // From a shard's beginning the stream does not say what it no longer has.
    if (one.place != iterator_at::latest &&
        now_ms() - one.current_at_ms >= options_.resume_within.count()) {
        resync(fmt::format("the shard {} was not read for too long", one.id));
        return {};
    }
    count_call();
    auto iterator = source_.iterator(arn_, one.id, one.place, one.last);
    note_answer(state_, iterator);
    if (!iterator)
        return fail(one, iterator.error());
    if (iterator->empty())
        return take(one, {}, now_ms());
    one.iterator = std::move(*iterator);
    one.pace.opened(one.place, now);
    return {};
}

result<void> streams_feed::poll(shard& from) {
    const std::int64_t began_ms = now_ms();
    from.pace.calls(time_.steady());
    count_call();
    const auto page = source_.records(from.iterator, options_.page_records);
    note_answer(state_, page);
    return page ? take(from, *page, began_ms) : fail(from, page.error());
}

result<void> streams_feed::take(shard& from, const records_page& page, std::int64_t began_ms) {
    std::vector<row_change> changes;
    std::string last = from.last;
    for (const stream_record& one : page.records) {
        if (!last.empty() && !is_after(one.sequence, last))
            continue; // it came before
        last = one.sequence;
        changes.push_back(one.change);
        changes.back().sequence = one.sequence;
    }
    from.failures = 0;
    // The rows and the shard's end are kept first: what fails from here on is read again.
    const bool is_end = page.next.empty();
    if (auto kept = keep(from, last, is_end, changes); !kept) {
        from.pace.delay(time_.steady());
        return kept;
    }
    state_.records.fetch_add(changes.size(), std::memory_order_relaxed);
    for (const row_change& one : changes)
        state_.skipped.fetch_add(has_defect(one) ? 1 : 0, std::memory_order_relaxed);
    has_changed_ = has_changed_ || !changes.empty();
    snapshot_.touch(changes);
    if (!last.empty()) {
        from.place = iterator_at::after_sequence;
        from.last = std::move(last);
    }
    if (is_end) {
        tree_.finish(from.id, time_.steady());
    } else {
        from.iterator = page.next;
        from.pace.took(!page.records.empty(),
                       page.is_full || page.records.size() >= options_.page_records,
                       time_.steady());
        if (from.pace.is_at_tip())
            from.current_at_ms = began_ms;
    }
    note_current();
    return {};
}

result<void> streams_feed::keep(const shard& from, const std::string& last, bool is_end,
                                const std::vector<row_change>& changes) {
    if (!is_complete_)
        return changes.empty() ? result<void>{} : sink_.put(changes, {});
    if (changes.empty() && !is_end)
        return {};
    stream_position here = tree_.position(arn_);
    const auto mine = std::find_if(here.open.begin(), here.open.end(),
                                   [&](const auto& one) { return one.id == from.id; });
    if (is_end) {
        here.open.erase(mine);
        here.finished.push_back(shard_hash(from.id));
    } else if (!last.empty()) {
        mine->place = iterator_at::after_sequence;
        mine->last = last;
    }
    auto kept = sink_.put(changes, text_of(here));
    if (kept)
        kept_current_ms_ = here.at_ms;
    return kept;
}

result<void> streams_feed::fail(shard& at, const base::failure& why) {
    const auto now = time_.steady();
    if (why.code == feed_error::throttled) {
        state_.answers.fetch_add(1, std::memory_order_relaxed);
        state_.throttled.fetch_add(1, std::memory_order_relaxed);
        at.pace.throttle(now);
        return {};
    }
    const bool has_place = at.place != iterator_at::latest;
    if (why.code == feed_error::expired_iterator && has_place) {
        at.iterator.clear();
        at.pace.reopen(now);
        return {};
    }
    const bool is_bad_place =
        why.code == store_error::invalid && at.iterator.empty() && !at.last.empty();
    if (why.code == feed_error::expired_iterator || why.code == feed_error::trimmed ||
        why.code == feed_error::gone || is_bad_place) {
        resync(fmt::format("shard {}: {}", at.id, why.text()));
        return {};
    }
    at.pace.delay(now);
    // Now and then one call of many fails. That keeps no other shard waiting, and is no news.
    if (why.code == store_error::unavailable && ++at.failures < failures_told) {
        state_.errors.fetch_add(1, std::memory_order_relaxed);
        return {};
    }
    return why;
}

} // namespace postern::sync
