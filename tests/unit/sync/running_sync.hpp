// The sync process as a thread of the test, with a real table and a real store.
#pragma once

#include "base/doorbell.hpp"
#include "base/unique_fd.hpp"
#include "cache/segment.hpp"
#include "cache/session_reader.hpp"
#include "sync/sync_worker.hpp"
#include "tests/unit/sync/temporary_store.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace postern::sync {

/// Looks every millisecond until it holds; false after half a minute, which even a machine that
/// stands still now and then does not need.
inline bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

/// The system's clock, whose wall time can be set ahead: what has its time by the calendar comes
/// when the test says so, and not when the test happens to be slow. Thread-safe.
class clock_ahead final : public base::clock {
  public:
    [[nodiscard]] base::wall_time wall() const noexcept override {
        return system_.wall() + std::chrono::milliseconds{ahead_ms_.load()};
    }
    [[nodiscard]] base::steady_time steady() const noexcept override { return system_.steady(); }
    void set_ahead(std::chrono::milliseconds by) { ahead_ms_ += by.count(); }

  private:
    base::system_clock system_;
    std::atomic<std::int64_t> ahead_ms_{0};
};

/// A table and a store in one directory; sync runs between `start` and `stop`.
class sync_setup {
  public:
    explicit sync_setup(std::uint64_t capacity = 1000) {
        EXPECT_TRUE(cache::prepare(table_path, capacity));
        opts.table_path = table_path;
        opts.table_capacity = capacity;
        opts.route_key = *base::text_template::parse("{clientId}-{threadId}");
        opts.route_ttl = std::chrono::minutes{30};
        opts.history = std::chrono::hours{24};
        opts.poll_interval = std::chrono::milliseconds{20};
        opts.flush_interval = std::chrono::milliseconds{50};
        opts.confirm_after = std::chrono::milliseconds{200};
        opts.full_retry_interval = std::chrono::milliseconds{100};
        opts.expiry_interval = std::chrono::milliseconds{20};
        log_fd = base::unique_fd{
            ::open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)};
        reader.emplace(*cache::session_reader::open(table_path, 1));
        for (int i = 0; i < 3; ++i)
            workers.push_back(*base::doorbell::make());
    }
    ~sync_setup() {
        stop();
        if (testing::Test::HasFailure())
            std::fprintf(stderr, "%s", logged().c_str());
    }

    void start() {
        stop_bell = *base::doorbell::make();
        const std::int64_t started = later_than_last_beat();
        thread_ = std::thread{[this] { exit_code = run_sync(); }};
        EXPECT_TRUE(eventually([&] { return reader->status().sync_heartbeat_ms >= started; }));
    }
    /// The time, once it is a millisecond that the last sync cannot have beaten in.
    [[nodiscard]] std::int64_t later_than_last_beat() const {
        const std::int64_t last = reader->status().sync_heartbeat_ms;
        EXPECT_TRUE(eventually([&] { return base::to_epoch_ms(clock.wall()) > last; }));
        return base::to_epoch_ms(clock.wall());
    }
    void stop() {
        if (!thread_.joinable())
            return;
        stop_bell.ring();
        thread_.join();
        EXPECT_EQ(exit_code, 0);
    }
    /// The exit code of a sync that ends by itself.
    [[nodiscard]] int end_by_itself() {
        thread_.join();
        return exit_code;
    }
    [[nodiscard]] std::thread::native_handle_type thread() { return thread_.native_handle(); }
    int run_sync() {
        base::log log{log_fd.get(), base::log_level::debug, "sync", clock};
        if (remote)
            return run(opts, remote, bells{bell, workers}, stop_bell.fd(), clock, log);
        return run(
            opts,
            [this] {
                return open_sqlite_store({store_path, busy_timeout});
            },
            bells{bell, workers}, stop_bell.fd(), clock, log);
    }

    [[nodiscard]] std::unique_ptr<store> open_store_here() const {
        auto opened = open_sqlite_store({store_path, std::chrono::seconds{30}});
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(*opened);
    }
    /// "active 127.0.0.1:4321 s1" or "none".
    [[nodiscard]] std::string route(std::string_view key) const {
        const auto found = reader->look_up(key);
        if (!found)
            return "none";
        return std::string{cache::name_of(found->state)} + " " +
               (found->target.address.is_none() ? "-" : found->target.text()) + " " +
               std::string{found->session_id()};
    }
    [[nodiscard]] bool becomes(std::string_view key, const std::string& expected) const {
        return eventually([&] { return route(key) == expected; });
    }
    /// Has seen all of the store once, now or before.
    [[nodiscard]] bool is_synced() const {
        return eventually([&] { return reader->status().synced_at_ms != 0; });
    }
    [[nodiscard]] std::string logged() const {
        std::ifstream file{log_path};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    [[nodiscard]] bool logs(const std::string& text) const {
        return eventually([&] { return logged().find(text) != std::string::npos; });
    }

    temporary_directory directory;
    std::string store_path = directory.file("sessions.db");
    std::string table_path = directory.file("sessions.table");
    std::string log_path = directory.file("log");
    std::chrono::milliseconds busy_timeout{200};
    clock_ahead clock;
    options opts;
    open_remote remote; // in place of the store at store_path
    base::doorbell bell = *base::doorbell::make();
    base::doorbell stop_bell;
    std::vector<base::doorbell> workers;
    std::optional<cache::session_reader> reader;

  private:
    base::unique_fd log_fd;
    std::thread thread_;
    int exit_code = -1;
};

} // namespace postern::sync
