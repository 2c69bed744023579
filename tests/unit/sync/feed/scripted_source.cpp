#include "scripted_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::sync {
namespace {

constexpr std::uint32_t hashes = 1'024;
constexpr std::uint64_t first_pages = 3; // of an iterator: later ones are empty at the tip only
constexpr std::int64_t second_child_within_ms = 900;
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t kept_ms = 24 * hour_ms;
constexpr std::int64_t iterator_age_max_ms = 15 * 60'000;

std::uint32_t hash_of(std::string_view key) {
    std::uint32_t hash = 17;
    for (const char c : key)
        hash = hash * 31 + static_cast<unsigned char>(c);
    return hash * 2'654'435'761U % hashes;
}

std::uint64_t number(std::string_view text) {
    std::uint64_t read = 0;
    std::from_chars(text.data(), text.data() + text.size(), read);
    return read;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

constexpr std::string_view name_of(iterator_at where) {
    return where == iterator_at::latest         ? "LATEST"
           : where == iterator_at::trim_horizon ? "TRIM_HORIZON"
                                                : "AFTER";
}

} // namespace

row_change scripted_row(std::string key, std::uint64_t value) {
    session_row row;
    row.read.record.session_id = key;
    row.read.record.request_count = value;
    return {std::move(key), any_row{std::move(row)}, 0};
}

std::optional<std::uint64_t> value_of(const row_change& one) {
    if (!one.now)
        return std::nullopt;
    return std::get<session_row>(*one.now).read.record.request_count;
}

bool table_history::had(const std::string& key, std::uint64_t value) const {
    const auto found = of_.find(key);
    return found != of_.end() && std::any_of(found->second.begin(), found->second.end(),
                                             [&](const entry& one) { return one.value == value; });
}

bool table_history::had_since(const std::string& key, std::optional<std::uint64_t> value,
                              std::int64_t since_ms) const {
    const auto found = of_.find(key);
    if (found == of_.end())
        return !value;
    const auto& all = found->second;
    if (!value && all.front().at_ms >= since_ms)
        return true; // not there before its first
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i].value == value && (i + 1 == all.size() || all[i + 1].at_ms >= since_ms))
            return true;
    return false;
}

std::string table_history::of(const std::string& key) const {
    std::string words;
    if (const auto found = of_.find(key); found != of_.end())
        for (const entry& one : found->second)
            words += fmt::format(" {} at {},", one.value ? std::to_string(*one.value) : "none",
                                 one.at_ms);
    return words;
}

scripted_source::scripted_source(std::uint64_t seed) : random_{seed} {
    switch_stream(true);
}

void scripted_source::open_shard(std::string parent, std::uint32_t low, std::uint32_t high) {
    shard_state one{};
    one.id = fmt::format("shard-{:05}", ++shards_made_);
    one.parent = std::move(parent);
    one.low = low;
    one.high = high;
    shards_.push_back(std::move(one));
}

void scripted_source::switch_stream(bool on) {
    is_on_ = on;
    if (!on) {
        for (auto& one : shards_)
            if (one.closed_ms < 0)
                one.closed_ms = one.closed_listed_ms = now_ms;
        return;
    }
    arn_ = fmt::format("arn:aws:dynamodb:eu-west-1:1:table/t/stream/{}", ++streams_);
    shards_.clear();
    open_shard({}, 0, hashes / 2);
    open_shard({}, hashes / 2, hashes);
}

void scripted_source::write(const std::string& key, std::optional<std::uint64_t> value) {
    history.note(key, now_ms, value);
    if (!is_on_)
        return;
    const std::uint32_t hash = hash_of(key);
    for (auto& one : shards_) {
        if (one.closed_ms >= 0 || hash < one.low || hash >= one.high)
            continue;
        sequence_ += 1 + static_cast<std::uint64_t>(up_to(900));
        std::int64_t visible = now_ms + up_to(mood.stream_delay_ms);
        if (!one.records.empty())
            visible = std::max(visible, one.records.back().visible_ms);
        one.records.push_back(
            {fmt::format("{:021}", sequence_), now_ms, visible,
             value ? scripted_row(key, *value) : row_change{key, std::nullopt, 0}});
        return;
    }
}

void scripted_source::put(const std::string& key) {
    table[key] = ++values_;
    write(key, values_);
}

void scripted_source::erase(const std::string& key) {
    if (table.erase(key) != 0)
        write(key, std::nullopt);
}

void scripted_source::roll(std::size_t which, bool splits) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < shards_.size(); ++i)
        if (shards_[i].closed_ms < 0)
            open.push_back(i);
    if (open.empty() || !is_on_)
        return;
    auto& parent = shards_[open[which % open.size()]];
    parent.closed_ms = now_ms;
    // Seen closed before its children are listed, or still open when they are.
    parent.closed_listed_ms = now_ms + up_to(mood.describe_delay_ms);
    const std::string id = parent.id;
    const std::uint32_t low = parent.low, high = parent.high;
    // Never before the parent; the second child a little after the first.
    const std::int64_t listed = std::max(parent.listed_ms, now_ms + up_to(mood.describe_delay_ms));
    const bool is_split = splits && high - low > 1;
    const std::uint32_t middle = is_split ? (low + high) / 2 : high;
    open_shard(id, low, middle);
    shards_.back().listed_ms = listed;
    if (is_split) {
        open_shard(id, middle, high);
        shards_.back().listed_ms =
            listed + up_to(std::min<std::int64_t>(mood.describe_delay_ms, second_child_within_ms));
    }
}

bool scripted_source::is_gone(const shard_state& one) const {
    return one.closed_ms >= 0 && now_ms - one.closed_ms > kept_ms;
}

void scripted_source::forget_old() {
    for (auto& one : shards_)
        while (one.first < one.records.size() &&
               now_ms - one.records[one.first].written_ms > kept_ms)
            ++one.first;
}

std::vector<std::string> scripted_source::open_shards() const {
    std::vector<std::string> open;
    for (const auto& one : shards_)
        if (one.closed_ms < 0)
            open.push_back(one.id);
    return open;
}

scripted_source::shard_state* scripted_source::find(std::string_view id) {
    const auto found =
        std::find_if(shards_.begin(), shards_.end(), [&](const auto& one) { return one.id == id; });
    return found == shards_.end() || is_gone(*found) ? nullptr : &*found;
}

std::optional<base::failure> scripted_source::enter(const std::string& kind) {
    entered_ms_ = now_ms;
    if (before_call)
        before_call();
    if (advance && mood.latency_ms > 0)
        advance(up_to(mood.latency_ms));
    if (++calls_made == crash_at)
        throw crash{};
    if (auto& queued = next_errors[kind]; !queued.empty()) {
        const base::error_code code = queued.front();
        queued.pop_front();
        return base::failure{code, "scripted"};
    }
    if (chance(mood.throttling))
        return base::failure{feed_error::throttled, "scripted"};
    if (chance(mood.failing))
        return base::failure{store_error::unavailable, "scripted"};
    forget_old();
    return std::nullopt;
}

void scripted_source::leave() {
    if (before_call)
        before_call();
    if (advance && mood.latency_ms > 0)
        advance(up_to(mood.latency_ms));
}

void scripted_source::count(std::vector<std::int64_t>& times, std::size_t per_second,
                            const std::string& what) {
    times.push_back(entered_ms_);
    if (times.size() > per_second && entered_ms_ - times[times.size() - 1 - per_second] < 1'000)
        excesses_.push_back(fmt::format("{}: more than {} in a second, from {} to {}", what,
                                        per_second, times[times.size() - 1 - per_second],
                                        entered_ms_));
}

void scripted_source::forget_calls() {
    describes_.clear();
    for (auto& one : shards_)
        one.polls.clear();
}

stream_description scripted_source::described(std::string_view children_of) {
    stream_description seen{arn_for_describe.empty() ? arn_ : arn_for_describe, is_on_, {}};
    for (const auto& one : shards_)
        if (std::find(hidden.begin(), hidden.end(), one.id) == hidden.end() && !is_gone(one) &&
            one.listed_ms <= now_ms && (children_of.empty() || one.parent == children_of))
            seen.shards.push_back(
                {one.id, one.parent, one.closed_ms >= 0 && one.closed_listed_ms <= now_ms});
    return seen;
}

base::result<stream_description> scripted_source::describe() {
    auto failed = enter("describe");
    calls.push_back("describe");
    count(describes_, 10, "DescribeStream");
    if (failed)
        return *failed;
    return described({});
}

base::result<stream_description> scripted_source::describe_children(std::string_view arn,
                                                                    std::string_view shard) {
    auto failed = enter("children");
    calls.push_back(fmt::format("children {}", shard));
    count(describes_, 10, "DescribeStream");
    if (failed)
        return *failed;
    if (mood.children == temper::refused)
        return base::failure{store_error::invalid, "no such filter"};
    if (arn != arn_)
        return base::failure{feed_error::gone, {}};
    if (mood.children == temper::nothing)
        return stream_description{arn_, is_on_, {}};
    return described(mood.children == temper::everything ? std::string_view{} : shard);
}

base::result<std::string> scripted_source::iterator(std::string_view arn, std::string_view shard,
                                                    iterator_at where, std::string_view sequence) {
    auto failed = enter("iterator");
    calls.push_back(fmt::format("iterator {} {}", shard, name_of(where)));
    if (failed)
        return *failed;
    auto* const of = find(shard);
    if (arn != arn_ || of == nullptr)
        return base::failure{feed_error::gone, {}};
    std::size_t at = of->first;
    if (where == iterator_at::latest) {
        at = of->records.size();
        while (at > of->first && of->records[at - 1].visible_ms > now_ms)
            --at;
    } else if (where == iterator_at::after_sequence) {
        at = 0;
        while (at < of->records.size() && of->records[at].sequence <= sequence)
            ++at;
        if (at < of->first)
            return base::failure{feed_error::trimmed, {}};
        // Repeats occur after a resume.
        at -= std::min(at - of->first, static_cast<std::size_t>(up_to(2)));
    }
    return fmt::format("{}|{}|{}|{}|{}", arn, shard, at, now_ms,
                       where == iterator_at::latest ? first_pages : 0);
}

base::result<records_page> scripted_source::records(std::string_view iterator,
                                                    std::size_t count_max) {
    auto failed = enter("records");
    const auto parts = split(iterator, '|');
    calls.push_back(fmt::format("records {}", parts[1]));
    auto* const of = find(parts[1]);
    if (of != nullptr && !of->was_full)
        count(of->polls, 4, calls.back());
    if (of != nullptr)
        of->was_full = false;
    if (failed)
        return *failed;
    if (parts[0] != arn_ || of == nullptr)
        return base::failure{feed_error::gone, {}};
    if (now_ms - static_cast<std::int64_t>(number(parts[3])) > iterator_age_max_ms)
        return base::failure{feed_error::expired_iterator, {}};
    std::size_t at = std::max<std::size_t>(number(parts[2]), of->first);
    records_page page;
    const std::size_t most = std::min(count_max, mood.page_max);
    const std::uint64_t page_number = number(parts[4]);
    if (page_number >= first_pages || !chance(mood.empty_pages))
        while (at < of->records.size() && of->records[at].visible_ms <= now_ms &&
               page.records.size() < most)
            page.records.push_back({of->records[at].sequence, of->records[at].change}), ++at;
    of->was_full = page.is_full = page.records.size() == most;
    const bool is_end = of->closed_ms >= 0 && at == of->records.size();
    if (!is_end)
        page.next = fmt::format("{}|{}|{}|{}|{}", parts[0], parts[1], at, now_ms, page_number + 1);
    leave();
    return page;
}

base::result<scan_page> scripted_source::scan(std::size_t segment, std::size_t segments,
                                              std::string_view from, std::size_t count_max) {
    auto failed = enter("scan");
    calls.push_back(fmt::format("scan {}", segment));
    if (failed)
        return *failed;
    scan_page page;
    const std::size_t most = std::min(count_max, mood.page_max);
    for (auto at = table.upper_bound(std::string{from}); at != table.end(); ++at) {
        if (hash_of(at->first) % segments != segment)
            continue;
        if (page.rows.size() == most) {
            page.next = page.rows.back().key;
            return page;
        }
        page.rows.push_back(scripted_row(at->first, at->second));
    }
    return page;
}

} // namespace postern::sync
