#include "sync/feed/shard_tree.hpp"

#include <algorithm>
#include <limits>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds ask_first{250}; // doubles
constexpr std::chrono::milliseconds ask_last = 15s;

std::chrono::milliseconds until_next_ask(int asked) {
    return std::min(ask_last, ask_first * (1 << std::min(asked, 6)));
}

} // namespace

void shard_tree::read(const shard_description& one, iterator_at place, std::int64_t current_at_ms) {
    open_.try_emplace(one.id, shard{one.id,
                                    one.parent,
                                    place,
                                    {},
                                    current_at_ms,
                                    {},
                                    0,
                                    shard_pace{limits_.pace, seed_ ^ shard_hash(one.id)}});
}

void shard_tree::begin(const stream_description& seen, std::int64_t now_ms, base::steady_time now) {
    floor_ms_ = now_ms;
    by_id described;
    for (const shard_description& one : seen.shards)
        described.emplace(one.id, &one);
    for (const shard_description& one : seen.shards) {
        const auto parent = described.find(one.parent);
        if (one.is_closed)
            finished_.emplace(shard_hash(one.id), now);
        else if (parent != described.end() && !parent->second->is_closed)
            waiting_.emplace(one.parent, one);
        else
            read(one, iterator_at::latest, now_ms);
    }
    await_children(seen, now);
    for (auto& [id, one] : rollovers_)
        one.current_at_ms = now_ms;
}

void shard_tree::resume(const stream_position& kept, const stream_description& seen,
                        base::steady_time now) {
    floor_ms_ = kept.at_ms;
    for (const std::uint64_t hash : kept.finished)
        finished_.emplace(hash, now);
    for (const auto& one : kept.open) {
        read({one.id, one.parent, false}, one.place, kept.at_ms);
        open_.find(one.id)->second.last = one.last;
    }
    add(seen, now);
    await_children(seen, now);
    for (auto& [id, one] : rollovers_)
        one.current_at_ms = kept.at_ms;
}

void shard_tree::await_children(const stream_description& seen, base::steady_time now) {
    for (const shard_description& one : seen.shards) {
        const bool has_child = std::any_of(seen.shards.begin(), seen.shards.end(),
                                           [&](const auto& two) { return two.parent == one.id; });
        if (is_finished(one.id) && !has_child)
            rollovers_.try_emplace(one.id, rollover{now, now, 0, {}, 0, false});
    }
    // A shard that ended just before may show one of its two children.
    rollovers_.try_emplace({}, rollover{now, now + limits_.ask_again_after, 1, now, 0, false});
}

void shard_tree::note_child(const shard_description& child, base::steady_time now) {
    if (child.parent.empty())
        return;
    const auto found = rollovers_.find(child.parent);
    if (found != rollovers_.end() && found->second.child_at == base::steady_time{})
        found->second.child_at = now;
}

void shard_tree::finish_ancestors(const by_id& seen, base::steady_time now) {
    for (const auto& [id, one] : seen) {
        if (!is_known(id))
            continue;
        // What is open names its parent even where a description lacks the shard.
        for (auto above = seen.find(one->parent); above != seen.end();
             above = seen.find(above->second->parent)) {
            if (is_known(above->first))
                break;
            finished_.emplace(shard_hash(above->first), now);
        }
    }
}

std::size_t shard_tree::add(const stream_description& seen, base::steady_time asked_at) {
    by_id described;
    std::vector<shard_description> ours; // not in the description, but known to be there
    for (const auto& [id, one] : open_)
        ours.push_back({one.id, one.parent, false});
    for (const shard_description& one : ours)
        described.emplace(one.id, &one);
    for (const shard_description& one : seen.shards)
        described.insert_or_assign(one.id, &one);
    remember(seen, asked_at);
    finish_ancestors(described, asked_at);
    waiting_.clear();
    floor_ms_ = current_at_ms();
    for (const shard_description& one : seen.shards) {
        note_child(one, asked_at);
        if (is_known(one.id))
            continue;
        const bool parent_is_there = described.count(one.parent) != 0 && !is_finished(one.parent);
        if (parent_is_there) {
            waiting_.emplace(one.parent, one);
            continue;
        }
        const auto after = rollovers_.find(one.parent);
        read(one, iterator_at::trim_horizon,
             after == rollovers_.end() ? floor_ms_ : after->second.current_at_ms);
    }
    return settle_rollovers(asked_at);
}

std::size_t shard_tree::settle_rollovers(base::steady_time asked_at) {
    std::size_t given_up = 0;
    for (auto at = rollovers_.begin(); at != rollovers_.end();) {
        rollover& one = at->second;
        const bool has_child = one.child_at != base::steady_time{};
        const bool is_late = asked_at - one.ended_at >= limits_.give_up_after;
        given_up += is_late && !has_child ? 1 : 0;
        if (is_late || (has_child && asked_at - one.child_at >= limits_.ask_again_after)) {
            at = rollovers_.erase(at);
            continue;
        }
        one.ask_at = has_child ? one.child_at + limits_.ask_again_after
                               : asked_at + until_next_ask(one.asked);
        ++one.asked;
        ++at;
    }
    return given_up;
}

void shard_tree::add_children(std::string_view of, const stream_description& seen,
                              base::steady_time now) {
    const auto found = rollovers_.find(of);
    if (found == rollovers_.end())
        return;
    rollover& parent = found->second;
    for (const shard_description& one : seen.shards) {
        if (one.parent != of)
            continue;
        note_child(one, now);
        if (!is_known(one.id))
            read(one, iterator_at::trim_horizon, parent.current_at_ms);
    }
    ++parent.asked;
    parent.ask_at =
        parent.child_at == base::steady_time{} ? now : parent.child_at + limits_.ask_again_after;
}

void shard_tree::finish(std::string_view id, base::steady_time now) {
    const auto found = open_.find(id);
    if (found == open_.end())
        return;
    const std::int64_t current = found->second.current_at_ms;
    const auto [first, last] = waiting_.equal_range(id);
    for (auto child = first; child != last; ++child)
        read(child->second, iterator_at::trim_horizon, current);
    rollovers_.try_emplace(found->first,
                           rollover{now, now, 0, {}, current, found->second.pace.is_settled()});
    for (auto child = first; child != last; ++child)
        note_child(child->second, now);
    waiting_.erase(first, last);
    finished_.emplace(shard_hash(id), now);
    open_.erase(found);
}

void shard_tree::remember(const stream_description& seen, base::steady_time now) {
    for (const shard_description& one : seen.shards)
        if (const auto found = finished_.find(shard_hash(one.id)); found != finished_.end())
            found->second = now;
    std::erase_if(finished_,
                  [&](const auto& one) { return now - one.second > limits_.forget_after; });
}

std::int64_t shard_tree::current_at_ms() const noexcept {
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
    for (const auto& [id, one] : open_)
        oldest = std::min(oldest, one.current_at_ms);
    for (const auto& [id, one] : rollovers_)
        oldest = std::min(oldest, one.current_at_ms);
    return oldest == std::numeric_limits<std::int64_t>::max() ? floor_ms_ : oldest;
}

bool shard_tree::is_settled() const noexcept {
    return std::all_of(open_.begin(), open_.end(),
                       [](const auto& item) { return item.second.pace.is_settled(); }) &&
           std::all_of(rollovers_.begin(), rollovers_.end(),
                       [](const auto& item) { return item.second.is_settled; });
}

stream_position shard_tree::position(std::string_view arn) const {
    stream_position here{std::string{arn}, current_at_ms(), {}, {}};
    for (const auto& [id, one] : open_)
        here.open.push_back({one.id, one.parent, one.place, one.last});
    for (const auto& [hash, seen] : finished_)
        here.finished.push_back(hash);
    std::sort(here.finished.begin(), here.finished.end());
    return here;
}

} // namespace postern::sync
