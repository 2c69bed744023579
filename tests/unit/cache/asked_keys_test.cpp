// Keys on their way to sync: whole or not at all, whenever a worker dies and whatever somebody
// writes over them; and sync's answers.
#include "cache/asked_keys.hpp"
#include "cache/segment_map.hpp"
#include "tests/unit/cache/child_process.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <atomic>
#include <cstring>
#include <random>
#include <sched.h>
#include <set>

namespace postern::cache {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class asked_keys_test : public table_test {
  protected:
    void SetUp() override {
        make_table(10);
        mapped_ = std::move(*segment::map(path(), segment::role::reader));
    }
    const table_view& table() const { return mapped_->view(); }
    static std::vector<std::string> taken(asked_keys& from) {
        std::vector<std::string> all;
        from.take([&](const asked_for& one) { all.emplace_back(one.key); });
        return all;
    }
    std::uint64_t passed_over() const { return reader().total(counter::look_through_keys_refused); }

    std::unique_ptr<segment> mapped_;
};

using texts = std::vector<std::string>;

TEST_F(asked_keys_test, come_as_they_were_asked_for) {
    asked_keys sync{table()};
    const auto now = steady_clock::now();
    const std::string longest(base::limits::route_key_bytes_max, 'k');
    EXPECT_TRUE(reader(3).ask_for("acme-t1", 17, now));
    EXPECT_TRUE(reader(3).ask_for(longest, 18, now));
    EXPECT_TRUE(reader(127).ask_for("a", 0xffffffff, now));
    std::vector<std::uint32_t> askers;
    texts keys;
    sync.take([&](const asked_for& one) {
        keys.emplace_back(one.key);
        askers.push_back(one.asker);
        EXPECT_EQ(one.at_ms, to_ms(now));
    });
    EXPECT_EQ(keys, (texts{"acme-t1", longest, "a"}));
    EXPECT_EQ(askers, (std::vector<std::uint32_t>{17, 18, 0xffffffff}));
    EXPECT_EQ(taken(sync), texts{});
    EXPECT_EQ(passed_over(), 0U);
}

TEST_F(asked_keys_test, have_room_for_so_many_and_then_none) {
    asked_keys sync{table()};
    const auto worker = reader(0);
    const auto now = steady_clock::now();
    for (int round = 0; round < 50; ++round) {
        texts asked;
        for (std::size_t n = 0; n < asked_keys_max; ++n) {
            asked.push_back(key_number(static_cast<std::uint64_t>(round) * 100 + n));
            ASSERT_TRUE(worker.ask_for(asked.back(), 0, now));
        }
        EXPECT_FALSE(worker.ask_for("one too many", 0, now));
        EXPECT_TRUE(reader(1).ask_for("another's", 0, now)) << "each has a queue of its own";
        asked.emplace_back("another's");
        EXPECT_EQ(taken(sync), asked);
    }
    EXPECT_FALSE(worker.ask_for("", 0, now));
    EXPECT_FALSE(worker.ask_for(std::string(256, 'k'), 0, now));
    EXPECT_FALSE(reader(sync_process_slot).ask_for("k", 0, now)) << "no worker";
}

TEST_F(asked_keys_test, outlive_a_sync_that_has_not_read_them) {
    const auto worker = reader(5);
    {
        asked_keys first{table()};
        ASSERT_TRUE(worker.ask_for("read", 0, steady_clock::now()));
        EXPECT_EQ(taken(first), texts{"read"});
        ASSERT_TRUE(worker.ask_for("not read", 0, steady_clock::now()));
    }
    asked_keys next{table()};
    EXPECT_EQ(taken(next), texts{"not read"});
}

/// Whatever a dead worker, or somebody else, leaves there: what comes is what was asked for, and
/// what is asked for afterwards comes.
TEST_F(asked_keys_test, garbage_hurts_nobody) {
    std::mt19937_64 random{7};
    const auto worker = reader(9);
    asked_queue& queue = table().asked[9];
    auto* const words = &queue.put;
    std::uint64_t damaged = 0;
    asked_keys sync{table()};
    for (int round = 0; round < 20'000; ++round) {
        std::set<std::string> asked;
        for (std::uint64_t n = random() % 4; n > 0; --n)
            if (const std::string key = key_number(random() % 50);
                worker.ask_for(key, 0, steady_clock::now()))
                asked.insert(key);
        for (std::uint64_t n = random() % 3; n > 0; --n) {
            const std::uint64_t at =
                random() % 3 == 0 ? random() % 16 : random() % (sizeof(asked_queue) / 8);
            words[at] = random() % 2 == 0 ? random() : words[at] ^ (1ULL << random() % 64);
            ++damaged;
        }
        for (const std::string& key : taken(sync))
            ASSERT_TRUE(asked.count(key)) << key << " in round " << round;
        ASSERT_EQ(taken(sync), texts{});
        ASSERT_TRUE(worker.ask_for("afterwards", 0, steady_clock::now())) << round;
        ASSERT_EQ(taken(sync), texts{"afterwards"}) << round;
    }
    EXPECT_GT(damaged, 10'000U);
    EXPECT_GT(passed_over(), 1'000U);
}

/// Stopped after each of its instructions, as SIGKILL could stop it.
TEST_F(asked_keys_test, a_worker_that_dies_has_asked_for_a_whole_key_or_for_none) {
    if (under_tsan || under_asan)
        GTEST_SKIP() << "stepping through sanitizers takes hours";
    const std::string key = key_number(4); // fills several cache lines
    child_process child{[&] {
        const auto own = session_reader::open(path(), 2);
        if (!own || !let_parent_trace())
            return 1;
        return own->ask_for(key, 77, steady_clock::time_point{5ms}) ? 0 : 2;
    }};
    child.wait();
    if (!child.stopped())
        GTEST_SKIP() << "tracing is not allowed here";
    std::size_t came = 0;
    std::uint64_t steps = 0;
    asked_keys sync{table()};
    for (; !child.ended(); ++steps, child.step()) {
        const texts now = taken(sync);
        came += now.size();
        ASSERT_LE(came, 1U);
        if (!now.empty()) {
            ASSERT_EQ(now, texts{key});
        }
    }
    EXPECT_EQ(came + taken(sync).size(), 1U);
    EXPECT_EQ(child.exit_code(), 0);
    EXPECT_GT(steps, 100U);
    EXPECT_EQ(passed_over(), 0U);
}

TEST_F(asked_keys_test, a_successor_goes_on_where_a_worker_was_killed) {
    asked_keys sync{table()};
    std::mt19937_64 random{3};
    std::uint64_t came = 0;
    for (int round = 0; round < (under_tsan || under_asan ? 20 : 150); ++round) {
        const shared_between_processes<std::atomic<std::uint64_t>> asked;
        child_process child{[&]() -> int {
            const auto own = session_reader::open(path(), 2);
            for (std::uint64_t n = 0;;)
                if (own->ask_for(key_number(n), 0, steady_clock::now()))
                    asked->store(++n);
                else
                    ::sched_yield();
        }};
        std::uint64_t next = 0;
        const std::uint64_t enough = random() % 500;
        const auto take_all = [&] {
            for (const std::string& key : taken(sync))
                ASSERT_EQ(key, key_number(next++));
        };
        for (; next < enough && !HasFatalFailure(); ::sched_yield())
            take_all();
        child.kill();
        take_all();
        const std::uint64_t told = *asked;
        ASSERT_TRUE(next == told || next == told + 1) << next << " came, " << told << " asked";
        came += next;
    }
    EXPECT_GT(came, 1'000U);
    EXPECT_EQ(passed_over(), 0U);
}

TEST_F(asked_keys_test, answers_are_believed_for_a_while) {
    asked_keys sync{table()};
    const auto worker = reader(0);
    const auto now = steady_clock::time_point{std::chrono::hours{2000}}; // past 2^32 ms
    const auto said = [&](std::string_view key, std::chrono::milliseconds later) {
        return worker.answer_to(worker.hash_of(key), now + later);
    };
    EXPECT_EQ(said("a", 0ms).what, answer::none);
    sync.say("a", answer::absent, to_ms(now));
    sync.say("b", answer::refused, to_ms(now));
    EXPECT_EQ(said("a", 0ms).what, answer::absent);
    EXPECT_EQ(said("b", 100ms).what, answer::refused);
    EXPECT_EQ(said("b", 100ms).age, 100ms);
    EXPECT_EQ(said("a", absent_for).what, answer::absent);
    EXPECT_EQ(said("a", absent_for + 1ms).what, answer::none);
    EXPECT_EQ(said("a", -1ms).what, answer::none) << "nothing comes from the future";
    EXPECT_EQ(said("c", 0ms).what, answer::none);
    sync.say("b", answer::absent, to_ms(now) + 200);
    EXPECT_EQ(said("b", 200ms).what, answer::absent);
    EXPECT_EQ(sync.said("b", to_ms(now) + 200), answer::absent);
    EXPECT_EQ((asked_keys{table()}.said("b", to_ms(now) + 200)), answer::none)
        << "a new sync begins without answers";
}

TEST_F(asked_keys_test, answers_are_bounded_and_the_latest_stay) {
    asked_keys sync{table()};
    const auto worker = reader(0);
    const std::int64_t now = to_ms(steady_clock::now());
    const auto at = steady_clock::time_point{std::chrono::milliseconds{now}};
    for (std::uint64_t n = 0; n < 700; ++n)
        sync.say(key_number(n), answer::absent, now - 3);
    for (std::uint64_t n = 0; n < 100'000; ++n)
        sync.say("refused" + std::to_string(n), answer::refused, now - 2);
    std::uint64_t kept = 0;
    for (std::uint64_t n = 0; n < 700; ++n)
        kept += worker.answer_to(worker.hash_of(key_number(n)), at).what == answer::absent ? 1 : 0;
    EXPECT_GT(kept, 600U) << "what was refused makes room first";
    for (std::uint64_t n = 0; n < 100'000; ++n)
        sync.say(key_number(n), answer::absent, now - 1);
    sync.say("last", answer::refused, now);
    EXPECT_EQ(worker.answer_to(worker.hash_of("last"), at).what, answer::refused);
    EXPECT_EQ(worker.answer_to(worker.hash_of("refused99999"), at).what, answer::none);
}

} // namespace
} // namespace postern::cache
