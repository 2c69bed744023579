// The half of the Redis feed that reads: pages of rows, and changes in their order.
#include "sync/redis/redis_feed.hpp"
#include "sync/redis/row_text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::sync::redis {

using base::failure;
using base::result;

namespace {

failure strange(std::string_view what) {
    return {redis_error::strange, std::string{what}};
}

/// "17-0": 17; 0: it is no number that a feeder gives.
std::uint64_t number_of(const reply& id) {
    std::uint64_t read = 0;
    const char* const end = id.text.data() + id.text.size();
    const auto [stopped, error] = std::from_chars(id.text.data(), end, read);
    return error == std::errc{} && std::string_view{stopped, end} == "-0" ? read : 0;
}

} // namespace

result<scan_page> redis_feed::read_page(std::string_view from, std::size_t count_max) {
    const auto answer =
        redis_->run(page_script(), {keys_.meta, keys_.rows},
                    {at_.epoch, from.empty() ? "0" : std::string{from}, std::to_string(count_max)});
    if (!answer)
        return answer.error();
    if (answer->at(0).text == "other")
        return failure{redis_error::other_data, {}};
    const reply& cursor = answer->at(1);
    const auto& found = answer->at(2).items;
    if (answer->at(0).text != "ok" || !cursor.is_text() || !answer->at(2).is_array() ||
        found.size() % 2 != 0)
        return strange("a page of rows in Redis is none");
    scan_page page;
    page.next = cursor.text == "0" ? std::string{} : cursor.text;
    for (std::size_t i = 0; i < found.size(); i += 2) {
        auto row = kept_row_of(found[i].text, found[i + 1].text);
        if (!row)
            return strange(fmt::format("the row \"{}\" in Redis is none that feeders write",
                                       found[i].text.substr(0, 100)));
        if (row->number > at_.number)
            newer_[row->row.key] = row->number;
        page.rows.push_back(std::move(row->row));
    }
    return page;
}

result<void> redis_feed::read_log(std::chrono::milliseconds block) {
    const std::string after = fmt::format("{}-0", at_.number);
    const std::string most = std::to_string(std::min(page_max_, options_.changes_max));
    const std::string wait = std::to_string(block.count());
    count_call();
    const auto answer =
        block.count() > 0
            ? redis_->call({"XREAD", "COUNT", most, "BLOCK", wait, "STREAMS", keys_.log, after},
                           block)
            : redis_->call({"XREAD", "COUNT", most, "STREAMS", keys_.log, after});
    if (!answer)
        return answer.error();
    if (!answer->is_nil())
        return take(answer->at(0).at(1));
    read_at_ = {};
    // Nothing came, and there is more: it was trimmed away, or the log was taken from Redis.
    if (at_.number < seen_)
        note_gap();
    return {};
}

void redis_feed::note_current() {
    if (!is_complete_ || at_.number < seen_)
        return;
    sync::note_current(state_, seen_current_ms_, base::to_epoch_ms(time_.wall()));
}

void redis_feed::note_gap() {
    has_gap_ = true;
    is_verified_ = false;
    look_at_ = {};
}

result<void> redis_feed::take(const reply& entries) {
    std::vector<row_change> changes;
    redis_position here = at_;
    for (const reply& entry : entries.items) {
        const std::uint64_t number = number_of(entry.at(0));
        const auto& fields = entry.at(1).items;
        if (number <= here.number || fields.size() != 6 || fields[0].text != "c" ||
            fields[2].text != "k" || fields[4].text != "r")
            return strange("a change in Redis is none that feeders write");
        if (number != here.number + 1) {
            note_gap();
            return {};
        }
        here.number = number;
        here.check = fields[1].text;
        row_change one;
        if (fields[5].text.empty()) {
            one.key = fields[3].text;
        } else {
            auto kept = kept_row_of(fields[3].text, fields[5].text);
            if (!kept)
                return strange(fmt::format("the change of \"{}\" in Redis is none that feeders "
                                           "write",
                                           fields[3].text.substr(0, 100)));
            one = std::move(kept->row);
        }
        const auto newer = newer_.find(one.key);
        if (newer != newer_.end() && number < newer->second)
            continue;
        if (newer != newer_.end())
            newer_.erase(newer);
        changes.push_back(std::move(one));
    }
    if (here == at_)
        return strange("changes in Redis have no end");
    const std::string position = is_complete_ ? text_of(here) : std::string{};
    if (!changes.empty() || is_complete_)
        if (auto put = sink_.put(changes, position); !put)
            return put;
    at_ = here;
    state_.records.fetch_add(changes.size(), std::memory_order_relaxed);
    for (const row_change& one : changes)
        state_.skipped.fetch_add(has_defect(one) ? 1 : 0, std::memory_order_relaxed);
    has_changed_ = has_changed_ || !changes.empty();
    snapshot_.touch(changes);
    read_at_ = entries.items.size() >= std::min(page_max_, options_.changes_max)
                   ? base::steady_time{}
                   : time_.steady() + options_.read_gap;
    note_current();
    return {};
}

} // namespace postern::sync::redis
