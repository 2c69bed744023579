// The streams feed as it runs in life: on its thread, with threads that read the table ahead, while
// others write to the table and ring.
#include "map_sink.hpp"
#include "scripted_source.hpp"
#include "sync/feed/feed_thread.hpp"
#include "sync/feed/streams_feed.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

/// The remote table and the replica, behind one lock.
struct both_sides final : public stream_source, public row_sink {
    std::mutex mutex;
    std::condition_variable changed;
    scripted_source table{1};
    map_sink replica;

    template <class Call>
    auto with(Call&& call) {
        const std::lock_guard lock{mutex};
        table.now_ms = base::to_epoch_ms(base::system_clock{}.wall());
        return call();
    }
    base::result<stream_description> describe() override {
        return with([&] { return table.describe(); });
    }
    base::result<stream_description> describe_children(std::string_view arn,
                                                       std::string_view shard) override {
        return with([&] { return table.describe_children(arn, shard); });
    }
    base::result<std::string> iterator(std::string_view arn, std::string_view shard,
                                       iterator_at where, std::string_view sequence) override {
        return with([&] { return table.iterator(arn, shard, where, sequence); });
    }
    base::result<records_page> records(std::string_view iterator, std::size_t most) override {
        return with([&] { return table.records(iterator, most); });
    }
    base::result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                                 std::size_t most) override {
        return with([&] { return table.scan(segment, segments, from, most); });
    }
    base::result<std::string> position() override {
        return with([&] { return replica.position(); });
    }
    base::result<void> put(std::span<const row_change> changes,
                           std::string_view position) override {
        return with([&] { return replica.put(changes, position); });
    }
    base::result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                      std::string_view position) override {
        return with([&] { return replica.sweep(keeps, position); });
    }
    base::result<std::uint64_t> count() override {
        return with([&] { return replica.count(); });
    }
};

TEST(feed_in_threads, follows_the_table_and_ends_in_the_midst_of_it) {
    both_sides sides;
    for (int i = 0; i < 2'000; ++i)
        sides.table.put("row" + std::to_string(i));
    const base::system_clock time;
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    base::log log{null, base::log_level::crit, "test", time};
    feed_state state;
    streams_options options;
    options.scan.page_rows = 50;
    const auto start = [&] {
        return std::make_unique<feed_thread>(
            feed_thread_options{},
            [&](const std::stop_token&) -> base::result<std::unique_ptr<feed>> {
                return std::unique_ptr<feed>{
                    std::make_unique<streams_feed>(options, sides, sides, state, time, log, 1)};
            },
            state, [&] { sides.changed.notify_all(); }, time, log, 1);
    };
    auto thread = start();
    for (int i = 0; i < 200; ++i) {
        sides.with([&] {
            sides.table.put("row" + std::to_string(i * 3));
            sides.table.erase("row" + std::to_string(i * 7));
            if (i % 50 == 0)
                sides.table.roll(static_cast<std::size_t>(i), i % 100 == 0);
        });
        thread->ring();
        if (i == 20)
            thread.reset(), thread = start(); // with pages on their way
    }
    std::unique_lock lock{sides.mutex};
    EXPECT_TRUE(
        sides.changed.wait_for(lock, 60s, [&] { return sides.replica.rows == sides.table.table; }));
    lock.unlock();
    thread.reset();
    ::close(null);
}

} // namespace
} // namespace postern::sync
