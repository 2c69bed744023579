// A writer killed with SIGKILL at thousands of random moments while other processes read: no torn
// route, no hang, and after each death the file holds what was acknowledged, give or take the one
// change in flight.
#include "cache/inspect.hpp"
#include "tests/unit/cache/child_process.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <atomic>
#include <random>
#include <sched.h>
#include <time.h>

namespace postern::cache {
namespace {

constexpr std::uint64_t keys = 48;
constexpr int kills = under_tsan || under_asan ? 200 : 1000;

/// What writer and readers tell the test; survives their deaths.
struct journal {
    std::atomic<std::uint64_t> done[keys];     // version in the table, 0: absent
    std::atomic<std::uint64_t> intended[keys]; // the same, once the change in flight is through
    std::atomic<std::uint64_t> operations;
    std::atomic<std::uint64_t> looks;
    std::atomic<std::uint64_t> torn;
    std::atomic<bool> stop;
};

int write_until_killed(const std::string& path, journal& log, std::uint64_t seed) {
    auto w = session_writer::open(path);
    if (!w)
        return 1;
    std::mt19937_64 random{seed};
    for (;;) {
        const std::uint64_t n = random() % keys;
        const std::string key = key_number(n);
        const std::uint64_t version = log.operations.fetch_add(1) + 1;
        if (random() % 64 == 0)
            static_cast<void>(w->set_checkpoint(std::to_string(version)));
        const bool removal = random() % 3 == 0;
        log.intended[n] = removal ? 0 : version;
        if (removal)
            w->remove(key, version);
        else if (w->put(key, route_of(key, version)) == put_result::full)
            log.intended[n] = log.done[n].load();
        log.done[n] = log.intended[n].load();
    }
}

int read_until_stopped(const std::string& path, journal& log, std::uint32_t slot) {
    const auto r = session_reader::open(path, slot);
    if (!r)
        return 1;
    [[maybe_unused]] const int now = ::nice(10); // the kills are what is tested, not the machine
    route value;
    for (std::uint64_t n = slot; !log.stop; ++n) {
        const std::string key = key_number(n % (keys + 8));
        if (r->look_up(key, r->hash_of(key), value) && !difference(key, value).empty())
            ++log.torn;
        ++log.looks;
    }
    return 0;
}

TEST_F(table_test, a_writer_killed_at_random_moments_loses_nothing) {
    make_table(keys - 4); // now and then it is full
    const shared_between_processes<journal> log;
    child_process beside{[&] { return read_until_stopped(path(), *log, 1); }};
    const auto r = reader(3);
    std::mt19937_64 random{1};
    for (int round = 0; round < kills && !HasFailure(); ++round) {
        SCOPED_TRACE(round);
        {
            const std::uint64_t seed = random();
            child_process child{[&] { return write_until_killed(path(), *log, seed); }};
            const std::uint64_t started = log->operations;
            // Now and then while it starts and repairs; else somewhere in the changes that follow.
            if (round % 8 != 0)
                while (log->operations == started && ::kill(child.pid(), 0) == 0)
                    ::sched_yield();
            const timespec some{0, static_cast<long>(random() % 300'000)};
            ::nanosleep(&some, nullptr);
            child.kill();
        }
        const auto report = check_table(path());
        ASSERT_TRUE(report) << report.error().text();
        ASSERT_TRUE(report->good()) << report->problems.front();
        std::uint64_t live = 0;
        for (std::uint64_t n = 0; n < keys; ++n) {
            const auto value = r.look_up(key_number(n));
            const std::uint64_t version = value ? value->version : 0;
            live += value ? 1 : 0;
            const std::uint64_t done = log->done[n];
            const std::uint64_t intended = log->intended[n];
            ASSERT_TRUE(version == done || version == intended)
                << key_number(n) << " has " << version << ", acknowledged " << done
                << ", in flight " << intended;
            log->done[n] = log->intended[n] = version;
        }
        ASSERT_EQ(report->live, live);
    }
    log->stop = true;
    beside.wait();
    EXPECT_EQ(beside.exit_code(), 0);
    EXPECT_EQ(log->torn, 0U);
    EXPECT_EQ(r.total(counter::table_slots_bad), 0U);
    EXPECT_GT(log->looks, 1000U);
    EXPECT_GT(log->operations, static_cast<std::uint64_t>(kills));
}

} // namespace
} // namespace postern::cache
