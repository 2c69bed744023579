// Whole fleets in one process, against a real redis-server: redis_stories PORT FIRST LAST tells a
// story for each seed, after a few words about two publishers. Hosts feed and follow a simulated
// table; whatever happens to table, stream, connections, hosts and Redis, once it is over every
// host has the table. Prints what went wrong, and ends with 1.
#include "sync/feed/passing_source.hpp"
#include "sync/redis/redis_feed.hpp"
#include "sync/redis/redis_feeder.hpp"
#include "sync/redis/row_text.hpp"
#include "tests/unit/sync/feed/scripted_source.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

namespace postern::sync::redis {
namespace {

using namespace std::chrono_literals;
using base::failure;
using base::result;
using std::chrono::milliseconds;

/// The scripted table's numbers as something that is no activity.
row_change decisive(row_change one) {
    if (one.now) {
        session& record = std::get<session_row>(*one.now).read.record;
        record.created_at_ms = static_cast<std::int64_t>(std::exchange(record.request_count, 0));
    }
    return one;
}

class decisive_source final : public passing_source {
  public:
    using passing_source::passing_source;
    result<records_page> records(std::string_view iterator, std::size_t count_max) override {
        auto page = passing_source::records(iterator, count_max);
        if (page)
            for (stream_record& one : page->records)
                one.change = decisive(std::move(one.change));
        return page;
    }
    result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                           std::size_t count_max) override {
        auto page = passing_source::scan(segment, segments, from, count_max);
        if (page)
            for (row_change& one : page->rows)
                one = decisive(std::move(one));
        return page;
    }
};

/// What a host has kept; it outlives its process.
class kept_rows final : public row_sink {
  public:
    std::map<std::string, std::uint64_t> rows;
    std::string place;
    std::string stranger; // a row that the table never had
    const table_history* history = nullptr;

    result<std::string> position() override { return place; }
    result<void> put(std::span<const row_change> changes, std::string_view position) override {
        for (const row_change& one : changes) {
            if (!one.now) {
                rows.erase(one.key);
                continue;
            }
            const auto& record = std::get<session_row>(*one.now).read.record;
            rows[one.key] = static_cast<std::uint64_t>(record.created_at_ms);
            if (!history->had(one.key, rows[one.key]))
                stranger = one.key;
        }
        if (!position.empty())
            place = position;
        return {};
    }
    result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                std::string_view position) override {
        place = position;
        return std::erase_if(rows, [&](const auto& one) { return !keeps(one.first); });
    }
    result<std::uint64_t> count() override { return rows.size(); }
};

struct weather {
    std::mt19937_64 random;
    double breaking = 0;     // share of calls after which a connection is gone
    std::uint64_t epoch = 0; // connections of an earlier one are gone
};

/// A connection that waits for nothing, and may break before the command or after it.
class weathered final : public server {
  public:
    using server::call;
    weathered(std::unique_ptr<server> to, weather& in)
        : to_{std::move(to)}, in_{in}, epoch_{in.epoch} {}
    result<reply> call(std::span<const std::string_view> words, milliseconds) override {
        if (epoch_ != in_.epoch)
            return failure{redis_error::away, "another server"};
        std::vector<std::string_view> sent{words.begin(), words.end()};
        if (sent.size() > 4 && sent[0] == "XREAD" && sent[3] == "BLOCK")
            sent.erase(sent.begin() + 3, sent.begin() + 5);
        const double dice = std::uniform_real_distribution<>{}(in_.random);
        if (dice < in_.breaking / 2)
            return failure{redis_error::away, "broken before"};
        auto answer = to_->call(std::span<const std::string_view>{sent}, 0ms);
        if (dice < in_.breaking)
            return failure{redis_error::away, "broken after"};
        return answer;
    }

  private:
    std::unique_ptr<server> to_;
    weather& in_;
    std::uint64_t epoch_;
};

class fleet {
  public:
    fleet(std::uint64_t seed, std::uint16_t port)
        : source_{seed * 7 + 1}, keys_{"t", std::to_string(seed)} {
        sky_.random.seed(seed);
        to_.host = "127.0.0.1";
        to_.port = port;
        own_ = connect(to_, {}).value();
        source_.mood.children = static_cast<decltype(source_.mood.children)>(below(4));
        source_.mood.page_max = below(2) == 0 ? 3 : 1'000;
        source_.mood.stream_delay_ms = below(2) == 0 ? 0 : 900;
        source_.mood.empty_pages = below(2) == 0 ? 0 : 0.2;
        source_.before_call = [this] {
            if (is_on_going_ && below(3) == 0)
                write_something();
        };
        how_.streams.scan = {
            .segments = 2, .threads = 0, .page_rows = 1 + below(9), .pages_ahead = 2};
        how_.streams.calm_scan = how_.streams.scan;
        how_.streams.snapshot_interval = below(2) == 0 ? 20s : 6h;
        how_.publish.log_kept = 20 + below(100);
        how_.slots = 1 + static_cast<unsigned>(below(2));
        follows_.scan.page_rows = 1 + below(9);
        follows_.changes_max = 1 + below(20);
        follows_.snapshot_interval = below(2) == 0 ? 30s : 6h;
        for (int i = 0; i < 40; ++i)
            write_something();
        for (host& one : hosts_) {
            one.kept.history = &source_.history;
            begin(one);
        }
    }
    ~fleet() {
        for (host& one : hosts_)
            kill(one);
        flush();
        ::close(null_);
    }
    fleet(const fleet&) = delete;
    fleet& operator=(const fleet&) = delete;

    /// Empty: all went well.
    std::string tell(int events) {
        is_on_going_ = true;
        for (int i = 0; i < events; ++i) {
            happen();
            run(milliseconds{below(3'000)});
        }
        is_on_going_ = false;
        sky_.breaking = source_.mood.failing = 0;
        for (host& one : hosts_) {
            if (!one.feed)
                begin(one);
            one.speed = 100;
        }
        free_leases();
        for (int i = 0; i < 40 && !is_in_step(); ++i)
            run(15s);
        if (!is_in_step())
            return "a host has not the table: " + difference();
        run(60s);
        if (!is_in_step())
            return "a host had the table, and lost it: " + difference();
        for (const host& one : hosts_)
            if (!one.kept.stranger.empty())
                return "the table never had a row " + one.kept.stranger;
        return {};
    }

  private:
    struct host {
        kept_rows kept;
        std::unique_ptr<decisive_source> source;
        std::unique_ptr<feed_state> states[2];
        std::unique_ptr<redis_feeder> feeder;
        std::unique_ptr<redis_feed> feed;
        unsigned speed = 100; // how often it gets to work, percent; 0: it stands still
    };

    std::uint64_t below(std::uint64_t bound) { return sky_.random() % bound; }
    host& any() { return hosts_[below(3)]; }
    void write_something() {
        const std::string key = fmt::format("k{}", below(40));
        if (below(4) == 0)
            source_.erase(key);
        else
            source_.put(key);
    }

    void begin(host& one) {
        const open_server open = [this]() -> result<std::unique_ptr<server>> {
            auto made = connect(to_, {});
            if (!made)
                return made.error();
            return std::unique_ptr<server>{std::make_unique<weathered>(std::move(*made), sky_)};
        };
        // None lets its lease go: each end is a sudden one.
        const open_server none = []() -> result<std::unique_ptr<server>> {
            return failure{redis_error::away, {}};
        };
        for (auto& state : one.states)
            state = std::make_unique<feed_state>();
        one.source = std::make_unique<decisive_source>(source_);
        one.feeder = std::make_unique<redis_feeder>(how_, keys_, open, none, *one.source,
                                                    *one.states[0], clock_, log_, sky_.random());
        one.feed = std::make_unique<redis_feed>(follows_, keys_, open, one.kept, *one.states[1],
                                                clock_, log_, sky_.random());
        one.speed = 100;
    }
    static void kill(host& one) {
        one.feeder.reset();
        one.feed.reset();
    }

    void run(milliseconds time) {
        for (milliseconds gone{}; gone < time; gone += 100ms) {
            clock_.advance(100ms);
            source_.now_ms += 100;
            for (host& one : hosts_) {
                if (!one.feed || below(100) >= one.speed)
                    continue;
                for (int i = 0; i < (one.speed == 100 ? 3 : 1); ++i) {
                    if (one.feeder->next_work() <= clock_.steady())
                        (void)one.feeder->work();
                    (void)one.feed->work();
                }
            }
        }
    }

    std::vector<std::string> all_keys() const {
        return {keys_.meta, keys_.rows, keys_.gone, keys_.gone_at, keys_.log};
    }
    void flush() {
        for (const std::string& key : all_keys())
            (void)own_->call({"DEL", key});
        free_leases();
    }
    void free_leases() { (void)own_->call({"DEL", keys_.lease(1), keys_.lease(2)}); }
    void save() {
        saved_.clear();
        for (const std::string& key : all_keys())
            saved_.push_back(own_->call({"DUMP", key}).value().text);
    }
    /// As after a restart of Redis: connections are gone as well.
    void put_back() {
        flush();
        ++sky_.epoch;
        const auto all = all_keys();
        for (std::size_t i = 0; i < saved_.size(); ++i)
            if (!saved_[i].empty())
                (void)own_->call({"RESTORE", all[i], "0", saved_[i]}).value();
    }

    void happen() {
        const std::uint64_t dice = below(100);
        if (dice < 40) {
            for (std::uint64_t i = below(20); i > 0; --i)
                write_something();
        } else if (dice < 48) {
            source_.roll(below(8), source_.open_shards().size() < 6 && below(2) == 0);
        } else if (dice < 60) {
            host& one = any();
            if (one.feed)
                kill(one);
            else
                begin(one);
        } else if (dice < 66) {
            constexpr unsigned speeds[] = {0, 3, 20, 100};
            any().speed = speeds[below(4)];
        } else if (dice < 76) {
            free_leases();
        } else if (dice < 80) {
            sky_.breaking = below(2) == 0 ? 0 : 0.1;
        } else if (dice < 84) {
            source_.mood.failing = below(2) == 0 ? 0 : 0.2;
        } else if (dice < 88) {
            (void)own_->call({"XTRIM", keys_.log, "MAXLEN", std::to_string(below(10))});
        } else if (dice < 90) {
            (void)own_->call({"DEL", all_keys()[below(5)]}); // thrown away by an eviction
        } else if (dice < 92) {
            flush();
        } else if (dice < 95) {
            save();
        } else if (dice < 98) {
            put_back();
        } else {
            source_.switch_stream(true); // another one
        }
    }

    bool is_in_step() const {
        for (const host& one : hosts_)
            if (one.kept.rows != source_.table)
                return false;
        return true;
    }
    std::string difference() const {
        std::string text;
        for (std::size_t i = 0; i < 3; ++i) {
            text += fmt::format("\n  host {}:", i);
            for (const auto& [key, value] : source_.table)
                if (const auto at = hosts_[i].kept.rows.find(key); at == hosts_[i].kept.rows.end())
                    text += fmt::format(" {} is missing;", key);
                else if (at->second != value)
                    text += fmt::format(" {} is {}, and should be {};", key, at->second, value);
            for (const auto& [key, value] : hosts_[i].kept.rows)
                if (!source_.table.contains(key))
                    text += fmt::format(" {} should not be there;", key);
        }
        return text;
    }

    weather sky_;
    base::manual_clock clock_{base::wall_time{milliseconds{1'700'000'000'000}}};
    int null_ = ::open(std::getenv("STORY_LOG") != nullptr ? "/dev/stderr" : "/dev/null",
                       O_WRONLY | O_CLOEXEC);
    base::log log_{null_, base::log_level::info, "story", clock_};
    scripted_source source_;
    server_options to_;
    table_keys keys_;
    std::unique_ptr<server> own_;
    feeder_options how_;
    redis_feed_options follows_;
    std::vector<std::string> saved_;
    host hosts_[3];
    bool is_on_going_ = false;
};

/// Two feeders at one table, word by word: what is published, and what is passed over.
class two_publishers {
  public:
    explicit two_publishers(std::uint16_t port) {
        to_.host = "127.0.0.1";
        to_.port = port;
        own_ = connect(to_, {}).value();
        for (unsigned slot = 1; slot <= 2; ++slot) {
            (void)own_->call({"SET", keys_.lease(slot), "token"});
            publishers_.push_back(
                std::make_unique<publisher>(options_, keys_, slot, 2, "token", *own_));
        }
        (void)own_->call({"DEL", keys_.lease(2)}).value(); // or the first would wait for it
        (void)one().open().value();
        (void)one().sweep([](auto) { return true; }, "streams1-loading").value();
        (void)own_->call({"SET", keys_.lease(2), "token"}).value();
        (void)other().open().value();
        one().set_stream("arn/stream/2026-01-01T00:00");
        other().set_stream("arn/stream/2026-01-01T00:00");
    }
    ~two_publishers() {
        for (const std::string& key : {keys_.meta, keys_.rows, keys_.gone, keys_.gone_at, keys_.log,
                                       keys_.lease(1), keys_.lease(2)})
            (void)own_->call({"DEL", key});
    }
    two_publishers(const two_publishers&) = delete;
    two_publishers& operator=(const two_publishers&) = delete;

    /// What is wrong; empty: nothing.
    std::string check() {
        put(one(), "k", 1, "0009");
        put(one(), "k", 2, "00010");
        put(other(), "k", 1, "9");
        expect("a slower feeder takes nothing back", "k", 2);
        remove(one(), "k", "11");
        put(other(), "k", 2, "10");
        expect("nor what is removed", "k", {});
        put(one(), "k", 3, "12");
        expect("made anew", "k", 3);

        put(one(), "old", 1, "20");
        one().scan_begins(0);
        put(other(), "old", 2, "21");
        put(other(), "new", 1, "22");
        put(one(), "old", 1, "");
        expect("a page is older than what came since it was asked for", "old", 2);
        const auto swept = one().sweep([](auto) { return false; }, "streams1-loading");
        if (!swept || *swept != 1)
            note("a sweep takes what was there when it began, one row");
        expect("and nothing later", "old", 2);
        expect("and nothing later", "new", 1);
        expect("what no page had is gone", "k", {});
        put(other(), "k", 3, "12");
        expect("and the record of long ago does not bring it back", "k", {});

        one().set_stream("arn/stream/2026-02-01T00:00");
        put(one(), "new", 2, "5");
        expect("another stream counts anew", "new", 2);
        if (const auto late = put(other(), "new", 1, "23");
            late || late.error().code != redis_error::other_data)
            note("a feeder of the former stream is refused");
        expect("it has written nothing", "new", 2);

        (void)own_->call({"SET", keys_.lease(1), "another"}).value();
        if (const auto late = put(one(), "new", 9, "99");
            late || late.error().code != redis_error::lease_lost)
            note("a feeder without its lease is refused");
        expect("it has written nothing", "new", 2);
        return wrong_;
    }

  private:
    publisher& one() { return *publishers_[0]; }
    publisher& other() { return *publishers_[1]; }
    static result<void> put(publisher& by, const std::string& key, std::uint64_t value,
                            std::string sequence) {
        row_change change = decisive(scripted_row(key, value));
        change.sequence = std::move(sequence);
        return by.put({&change, 1}, {});
    }
    static void remove(publisher& by, const std::string& key, std::string sequence) {
        const row_change change{.key = key, .sequence = std::move(sequence)};
        (void)by.put({&change, 1}, {}).has_value();
    }
    void expect(std::string_view what, const std::string& key, std::optional<std::int64_t> value) {
        const auto row = own_->call({"HGET", keys_.rows, key}).value();
        const auto kept = kept_row_of(key, row.text);
        std::optional<std::int64_t> there;
        if (kept)
            there = std::get<session_row>(*kept->row.now).read.record.created_at_ms;
        if (there != value)
            note(fmt::format("{}: {} is {}", what, key, there.value_or(-1)));
    }
    void note(std::string_view what) { wrong_ += fmt::format("\n  {}", what); }

    const publish_options options_;
    const table_keys keys_{"t", "two publishers"};
    server_options to_;
    std::unique_ptr<server> own_;
    std::vector<std::unique_ptr<publisher>> publishers_;
    std::string wrong_;
};

} // namespace
} // namespace postern::sync::redis

int main(int count, char** words) {
    if (count != 4) {
        std::cerr << "redis_stories PORT FIRST LAST\n";
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(std::atoi(words[1]));
    const int first = std::atoi(words[2]), last = std::atoi(words[3]);
    if (const std::string wrong = postern::sync::redis::two_publishers{port}.check();
        !wrong.empty()) {
        std::cout << "two publishers: " << wrong << std::endl;
        return 1;
    }
    for (int seed = first; seed <= last; ++seed) {
        const std::string wrong =
            postern::sync::redis::fleet{static_cast<std::uint64_t>(seed), port}.tell(40);
        if (!wrong.empty()) {
            std::cout << "seed " << seed << ": " << wrong << std::endl;
            return 1;
        }
    }
    std::cout << last - first + 1 << " stories ended well" << std::endl;
    return 0;
}
