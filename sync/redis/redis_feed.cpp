#include "sync/redis/redis_feed.hpp"

#include "sync/redis/foreign_key.hpp"
#include "sync/redis/row_text.hpp"
#include "sync/spread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::sync::redis {

using namespace std::chrono_literals;
using base::failure;
using base::result;

namespace {

constexpr std::string_view position_word = "redis1";
constexpr std::string_view no_check = "-";
constexpr backoff::limits snapshot_pause{500ms, 30s};
constexpr std::size_t word_bytes_max = 64;
/// From a write to its record in the stream: what feeders cannot know. On AWS it is below a second.
constexpr std::int64_t stream_delay_ms = 5'000;

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= word_bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
           });
}

failure strange(std::string_view what) {
    return {redis_error::strange, std::string{what}};
}

} // namespace

std::string text_of(const redis_position& position) {
    return fmt::format("{} {} {} {}", position_word, position.epoch, position.number,
                       position.check);
}

std::optional<redis_position> redis_position_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (;;) {
        const std::size_t blank = text.find(' ');
        words.push_back(text.substr(0, blank));
        if (blank == std::string_view::npos)
            break;
        text.remove_prefix(blank + 1);
    }
    redis_position made;
    if (words.size() != 4 || words[0] != position_word || !is_word(words[1]) || !is_word(words[3]))
        return std::nullopt;
    const char* const end = words[2].data() + words[2].size();
    const auto [stopped, error] = std::from_chars(words[2].data(), end, made.number);
    if (error != std::errc{} || stopped != end)
        return std::nullopt;
    made.epoch = words[1];
    made.check = words[3];
    return made;
}

/// Only its `scan` is asked for.
class redis_feed::rows_source final : public stream_source {
  public:
    explicit rows_source(redis_feed& of) : of_{of} {}
    result<stream_description> describe() override { return none(); }
    result<stream_description> describe_children(std::string_view, std::string_view) override {
        return none();
    }
    result<std::string> iterator(std::string_view, std::string_view, iterator_at,
                                 std::string_view) override {
        return none();
    }
    result<records_page> records(std::string_view, std::size_t) override { return none(); }
    result<scan_page> scan(std::size_t, std::size_t, std::string_view from,
                           std::size_t count_max) override {
        return of_.read_page(from, count_max);
    }

  private:
    static failure none() { return {feed_error::gone, {}}; }
    redis_feed& of_;
};

redis_feed::redis_feed(const redis_feed_options& options, const table_keys& keys, open_server open,
                       row_sink& sink, feed_state& state, const base::clock& time, base::log& log,
                       std::uint64_t seed)
    : options_{options}, keys_{keys}, looked_at_{keys.looked_at()}, open_{std::move(open)},
      sink_{sink}, state_{state}, time_{time}, log_{log}, random_{seed},
      page_max_{options.scan.page_rows}, rows_{std::make_unique<rows_source>(*this)},
      snapshot_{sink, state, log}, after_snapshot_{snapshot_pause, seed + 1} {}

result<void> redis_feed::work() {
    const std::uint64_t calls = state_.calls.load(std::memory_order_relaxed);
    auto done = redis_ ? result<void>{} : connect();
    if (done)
        done = do_due_work();
    if (state_.calls.load(std::memory_order_relaxed) != calls)
        note_answer(state_, done);
    if (!done && done.error().code == redis_error::stopped)
        return {};
    if (!done && done.error().code.category() == redis_error_category()) {
        if (done.error().code == redis_error::too_large)
            page_max_ = std::max<std::size_t>(page_max_ / 4, 1);
        if (redis_)
            done = explained(done.error(), *redis_, keys_);
        redis_.reset();
        // Another process there may have the same rows in another order: a scan cannot go on.
        snapshot_.drop();
    }
    return done;
}

base::steady_time redis_feed::next_work() const {
    if (!redis_)
        return {};
    if (!is_verified_)
        return look_at_;
    if (snapshot_.is_running())
        return std::min(look_at_, snapshot_.next_at());
    return read_at_;
}

result<void> redis_feed::connect() {
    count_call();
    auto opened = open_();
    if (!opened)
        return opened.error();
    redis_ = std::move(*opened);
    is_verified_ = false;
    look_at_ = {};
    return {};
}

result<void> redis_feed::do_due_work() {
    if (!has_position_) {
        auto kept = sink_.position();
        if (!kept)
            return kept.error();
        const auto read = redis_position_of(*kept);
        is_complete_ = read.has_value();
        at_ = read.value_or(redis_position{});
        if (is_complete_)
            snapshot_at_ = time_.steady() + spread(options_.snapshot_interval, random_);
        has_position_ = true;
    }
    if (time_.steady() >= look_at_)
        if (auto looked = look(); !looked)
            return looked;
    if (!is_verified_)
        return {};
    if (!snapshot_.is_running() && time_.steady() < snapshot_at_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            std::min(look_at_, snapshot_at_) - time_.steady());
        return read_log(std::clamp<std::chrono::milliseconds>(left, 1ms, options_.look_interval));
    }
    if (auto read = read_log(0ms); !read)
        return read;
    return is_verified_ ? work_on_snapshot() : result<void>{};
}

result<redis_feed::sight> redis_feed::see() {
    const std::int64_t before_ms = base::to_epoch_ms(time_.wall());
    count_call();
    const auto answer = redis_->run(look_script(), looked_at_, {});
    if (!answer)
        return answer.error();
    sight there;
    there.is_fed = answer->at(6).whole().value_or(0) > 0;
    there.last.epoch = answer->at(0).text;
    if (there.last.epoch.empty())
        return there;
    const auto number = answer->at(2).whole();
    if (!is_word(there.last.epoch) || !number)
        return strange("what Redis has of the table is not what feeders write");
    there.last.number = static_cast<std::uint64_t>(*number);
    there.last.check = answer->at(3).text;
    if (!is_word(there.last.check))
        there.last.check = no_check;
    // Each clock is compared with itself alone.
    if (const auto age = answer->at(4).whole())
        there.current_ms = before_ms - *age;
    there.is_whole = answer->at(1).text == "1" && answer->at(5).text == "1";
    return there;
}

result<void> redis_feed::look() {
    look_at_ = time_.steady() + options_.look_interval;
    const auto there = see();
    if (!there)
        return there.error();
    if (!there->is_whole) {
        look_at_ = time_.steady() + waiting_pause_;
        waiting_pause_ = std::min(waiting_pause_ * 2, options_.look_interval);
        wait_for_feeder(there->is_fed);
        return {};
    }
    waits_for_ = there->is_fed ? std::string_view{} : "no host feeds Redis";
    waiting_pause_ = waiting_pause;
    if (std::exchange(is_waiting_, false))
        log_.notice("Redis has the whole table");
    const auto why = obstacle(*there);
    if (!why)
        return why.error();
    if (!why->empty())
        begin_anew(*there, *why);
    is_verified_ = true;
    seen_ = there->last.number;
    seen_current_ms_ = there->current_ms;
    note_current();
    return {};
}

void redis_feed::wait_for_feeder(bool is_fed) {
    waits_for_ = is_fed ? "Redis does not have the whole table yet, a feeder is filling it"
                        : "Redis does not have the whole table, and no host feeds it";
    // An empty or half-filled Redis says nothing of the table.
    is_verified_ = false;
    snapshot_.drop();
    if (!std::exchange(is_waiting_, true))
        log_.notice("Redis does not have the whole table: the replica stays as it is until a "
                    "feeder has filled it");
}

result<std::string> redis_feed::obstacle(const sight& there) {
    if (at_.epoch.empty())
        return "the replica is new";
    if (has_gap_)
        return "Redis no longer has the changes since";
    if (at_.epoch != there.last.epoch)
        return "the data in Redis is another";
    if (there.last.number < at_.number)
        return "the data in Redis is older than the replica";
    if (there.last.number == at_.number)
        return there.last.check == at_.check ? "" : "the data in Redis went another way";
    if (is_verified_ || at_.number == 0)
        return "";
    // Redis may have been put back, and gone on from there: is the last change the one that we had?
    const std::string id = fmt::format("{}-0", at_.number);
    count_call();
    const auto entries = redis_->call({"XRANGE", keys_.log, id, id});
    if (!entries)
        return entries.error();
    const reply& fields = entries->at(0).at(1);
    if (entries->items.empty())
        return "Redis no longer has the changes since";
    return fields.at(0).text == "c" && fields.at(1).text == at_.check
               ? ""
               : "the data in Redis went another way";
}

void redis_feed::begin_anew(const sight& there, std::string_view why) {
    if (!at_.epoch.empty())
        state_.gaps.fetch_add(1, std::memory_order_relaxed);
    log_.notice("the replica is filled by a snapshot from Redis: {}", why);
    snapshot_.drop();
    newer_.clear();
    at_ = there.last;
    is_complete_ = has_gap_ = false;
    snapshot_at_ = {};
}

result<void> redis_feed::work_on_snapshot() {
    const auto now = time_.steady();
    if (!snapshot_.is_running()) {
        scan_options how = options_.scan;
        how.page_rows = page_max_;
        if (is_complete_)
            how.page_gap = options_.calm_page_gap;
        how.as_of_ms = seen_current_ms_ - stream_delay_ms;
        snapshot_.begin(std::make_unique<parallel_scan>(*rows_, how, time_, state_, random_()),
                        how.as_of_ms, is_complete_ ? "it is due" : "the replica is not in step");
    }
    const auto done = snapshot_.step([this] { return text_of(at_); });
    if (!done) {
        if (!snapshot_.is_running())
            snapshot_at_ = now + after_snapshot_.next();
        return done.error();
    }
    has_changed_ = has_changed_ || done->took_changes;
    if (done->how == snapshot::progress::held)
        snapshot_at_ = now + options_.confirm_after;
    if (done->how != snapshot::progress::ended)
        return {};
    has_changed_ = has_changed_ || !is_complete_; // what waited for it can go on
    is_complete_ = true;
    after_snapshot_.reset();
    snapshot_at_ = now + spread(options_.snapshot_interval, random_);
    note_current();
    return {};
}

} // namespace postern::sync::redis
