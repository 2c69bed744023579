#include "sync/redis/publisher.hpp"

#include "sync/feed/position.hpp"
#include "sync/redis/row_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace postern::sync::redis {

using base::failure;
using base::result;

namespace {

// Of one script: Redis does nothing else while it runs.
constexpr std::size_t changes_max = 200;
constexpr std::size_t bytes_max = 1U << 20;
constexpr std::string_view keys_page = "1000"; // looked through by one script

std::string random_word() {
    thread_local std::random_device dice;
    return fmt::format("{:08x}{:08x}", dice(), dice());
}

/// As the script compares them: no zeros in front.
std::string_view bare(std::string_view digits) {
    const std::size_t first = digits.find_first_not_of('0');
    return first == std::string_view::npos ? std::string_view{"0"} : digits.substr(first);
}

std::vector<std::string> keys_of(const table_keys& keys, unsigned slot) {
    return {keys.meta, keys.rows, keys.gone, keys.gone_at, keys.log, keys.lease(slot)};
}

failure strange(std::string_view what) {
    return {redis_error::strange, fmt::format("{}: not what the script answers", what)};
}

void add(std::vector<std::string>& arguments, std::string_view kind, const row_change& one) {
    arguments.emplace_back(kind);
    arguments.push_back(one.key);
    arguments.emplace_back(one.sequence.empty() ? std::string_view{} : bare(one.sequence));
    if (!one.now) {
        arguments.insert(arguments.end(), {"-", "0", "0", ""});
        return;
    }
    row_text row = text_of(one);
    arguments.push_back(std::move(row.digest));
    arguments.push_back(std::to_string(row.activity_ms));
    arguments.push_back(std::to_string(row.ttl_ms));
    arguments.push_back(std::move(row.body));
}

/// The position that reaches furthest; one that cannot be gone on from, only when there is none
/// that can.
std::string best_of(const std::vector<std::string>& positions) {
    std::string best;
    std::int64_t best_at = -1;
    for (const std::string& one : positions) {
        const auto read = stream_position_of(one);
        const bool is_usable =
            read && std::none_of(read->open.begin(), read->open.end(),
                                 [](auto& s) { return s.place == iterator_at::latest; });
        const std::int64_t at = is_usable ? read->at_ms : -1;
        if (best.empty() || at > best_at) {
            best = one;
            best_at = at;
        }
    }
    return best;
}

} // namespace

publisher::publisher(const publish_options& options, const table_keys& keys, unsigned slot,
                     unsigned slots, std::string token, server& redis)
    : options_{options}, slot_{slot}, token_{std::move(token)}, redis_{redis},
      keys_{keys_of(keys, slot)}, adopts_from_{keys_} {
    for (unsigned other = 1; other <= slots; ++other)
        if (other != slot)
            adopts_from_.push_back(keys.lease(other));
}

result<bool> publisher::open() {
    const auto answer = redis_.run(adopt_script(), adopts_from_, {token_, random_word()});
    if (!answer)
        return answer.error();
    const std::string& word = answer->at(0).text;
    if (word == "lost")
        return failure{redis_error::lease_lost, {}};
    if (word == "wait")
        return false;
    const auto number = answer->at(2).whole(), rows = answer->at(3).whole();
    if (word != "ok" || !answer->at(1).is_text() || !number || !rows)
        return strange("adopt");
    epoch_ = answer->at(1).text;
    number_ = static_cast<std::uint64_t>(*number);
    rows_ = static_cast<std::uint64_t>(*rows);
    std::vector<std::string> positions;
    for (std::size_t i = 4; i < answer->items.size(); ++i)
        positions.push_back(answer->at(i).text);
    kept_position_ = best_of(positions);
    return true;
}

std::vector<std::string> publisher::beginning(const said& what) {
    return {token_,
            std::to_string(options_.lease_time.count()),
            epoch_,
            stream_,
            fmt::format("position:{}", slot_),
            std::string{what.position},
            what.lag_ms ? std::to_string(std::max<std::int64_t>(*what.lag_ms, 0)) : std::string{},
            what.completes ? "1" : "",
            std::to_string(begun_),
            std::to_string(options_.activity_step.count()),
            std::to_string(options_.gone_kept.count()),
            std::to_string(options_.log_kept),
            random_word()};
}

result<void> publisher::publish(const std::vector<std::string>& arguments) {
    const auto answer = redis_.run(publish_script(), keys_, arguments);
    if (!answer)
        return answer.error();
    const std::string& word = answer->at(0).text;
    if (word == "lost")
        return failure{redis_error::lease_lost, {}};
    if (word == "other")
        return failure{redis_error::other_data, {}};
    if (word == "stream")
        return failure{redis_error::other_data, "the table has a later stream"};
    const auto number = answer->at(1).whole(), rows = answer->at(2).whole();
    const auto published = answer->at(3).whole(), passed_over = answer->at(4).whole();
    if (word != "ok" || !number || !rows || !published || !passed_over)
        return strange("publish");
    number_ = static_cast<std::uint64_t>(*number);
    rows_ = static_cast<std::uint64_t>(*rows);
    published_.changes += static_cast<std::uint64_t>(*published);
    published_.passed_over += static_cast<std::uint64_t>(*passed_over);
    return {};
}

result<void> publisher::beat(std::optional<std::int64_t> lag_ms) {
    return publish(beginning({.lag_ms = lag_ms}));
}

result<void> publisher::put(std::span<const row_change> changes, std::string_view position) {
    do {
        std::vector<std::string> rows;
        std::size_t bytes = 0;
        std::size_t taken = 0;
        for (; taken < std::min(changes.size(), changes_max) && bytes < bytes_max; ++taken) {
            add(rows, changes[taken].now ? "put" : "remove", changes[taken]);
            bytes += rows.back().size();
        }
        changes = changes.subspan(taken);
        // The position is that of the last one: what failed before it comes again.
        auto arguments = beginning({.position = changes.empty() ? position : std::string_view{}});
        arguments.insert(arguments.end(), std::make_move_iterator(rows.begin()),
                         std::make_move_iterator(rows.end()));
        if (auto done = publish(arguments); !done)
            return done;
    } while (!changes.empty());
    if (!position.empty())
        kept_position_ = position;
    return {};
}

result<std::uint64_t> publisher::sweep(const std::function<bool(std::string_view)>& keeps,
                                       std::string_view position) {
    std::string cursor = "0";
    const std::uint64_t before = published_.changes;
    do {
        // Only what was there when the scan began: of later rows it knows nothing.
        const auto page =
            redis_.run(old_keys_script(), {keys_[0], keys_[1]},
                       {epoch_, cursor, std::string{keys_page}, std::to_string(begun_)});
        if (!page)
            return page.error();
        if (page->at(0).text == "other")
            return failure{redis_error::other_data, {}};
        if (page->at(0).text != "ok" || !page->at(1).is_text() || !page->at(2).is_array())
            return strange("old keys");
        cursor = page->at(1).text;
        auto arguments = beginning({});
        const std::size_t without = arguments.size();
        for (const reply& key : page->at(2).items)
            if (key.is_text() && !keeps(key.text))
                add(arguments, "sweep", {.key = key.text});
        if (arguments.size() > without)
            if (auto done = publish(arguments); !done)
                return done.error();
    } while (cursor != "0");
    const std::uint64_t removed = published_.changes - before;
    if (auto done = publish(beginning({.position = position, .completes = true})); !done)
        return done.error();
    ++published_.snapshots;
    kept_position_ = position;
    return removed;
}

} // namespace postern::sync::redis
