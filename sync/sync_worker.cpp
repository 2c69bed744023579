#include "sync/sync_worker.hpp"

#include "cache/segment.hpp"
#include "sync/activity_flow.hpp"
#include "sync/follower.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <poll.h>
#include <random>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr auto beat_interval = 1s;
constexpr std::size_t flush_sessions_max = 200; // in one transaction: other writers wait for it
constexpr auto last_flush_patience = 2s;

class worker {
  public:
    worker(const options& opts, const open_store& open, const bells& rings, int stop_fd,
           cache::session_writer& table, const base::clock& time, base::log& log)
        : options_{opts}, rings_{rings}, stop_fd_{stop_fd}, table_{table}, time_{time}, log_{log},
          follower_{opts, open, table, time, log, std::random_device{}()}, activity_{opts.history} {
    }

    int run() {
        // Let in only while it waits: one that comes in between is not lost.
        sigset_t ring;
        ::sigemptyset(&ring);
        ::sigaddset(&ring, SIGUSR1);
        ::pthread_sigmask(SIG_BLOCK, &ring, &while_waiting_);
        const std::int64_t now = now_ms();
        table_.for_each_active(
            [&](std::string_view, const cache::route& of, const cache::activity& line) {
                activity_.prime(of, line, now);
            });
        collect_at_ = time_.steady() + options_.flush_interval;
        bool rung = false;
        for (;;) {
            if (const auto found = table_.patrol(time_.steady()); !found)
                return give_up(found.error());
            else if (found->any())
                note_damage(*found);
            beat();
            const auto follow_at = follower_.work(rung);
            if (follower_.took_changes())
                ring_workers();
            flush_activity();
            const woken by = wait_until(std::min({follow_at, beat_at_, flush_due()}));
            if (by.stop)
                break;
            rung = by.rung;
        }
        flush_the_rest();
        return 0;
    }

  private:
    struct woken {
        bool rung = false;
        bool stop = false;
    };

    woken wait_until(base::steady_time when) {
        const auto left = std::clamp(
            std::chrono::ceil<std::chrono::milliseconds>(when - time_.steady()), 0ms, 60'000ms);
        const timespec longest{.tv_sec = left / 1s,
                               .tv_nsec = std::chrono::nanoseconds{left % 1s}.count()};
        std::array<pollfd, 2> fds{{{rings_.sync.fd(), POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
        const int ready = ::ppoll(fds.data(), fds.size(), &longest, &while_waiting_);
        if (ready < 0)
            return {.rung = true}; // a signal: a command has written to the store
        if (ready == 0)
            return {};
        // Silenced before the store is looked at: a ring from here on counts anew.
        if (fds[0].revents != 0)
            rings_.sync.silence();
        return {fds[0].revents != 0, fds[1].revents != 0};
    }

    void beat() {
        if (time_.steady() < beat_at_)
            return;
        beat_at_ = time_.steady() + beat_interval;
        table_.beat(now_ms());
    }

    void note_damage(const cache::mended& found) {
        log_.error("the session table was damaged: {} words of its header, index and activity were "
                   "put right, {} routes are gone until a snapshot of the store brings them back",
                   found.words, found.routes);
        if (found.routes > 0)
            follower_.recover();
        // All of them: who waits may be damaged as well.
        for (const base::doorbell& bell : rings_.workers)
            bell.ring();
    }

    int give_up(const base::failure& why) {
        log_.write(base::log_level::crit,
                   "the session table is given up, the next start makes another: " + why.text());
        flush_the_rest();
        if (const auto cut = table_.give_up(); !cut)
            log_.error("{}", cut.error().text());
        return 1;
    }

    void ring_workers() {
        const auto waiting = table_.waiting_workers();
        const std::size_t known = std::min(waiting.size(), rings_.workers.size());
        for (std::size_t i = 0; i < known; ++i)
            if (waiting[i])
                rings_.workers[i].ring();
    }

    [[nodiscard]] bool can_flush() const {
        return activity_.owed() > 0 && follower_.connected() != nullptr;
    }
    [[nodiscard]] base::steady_time flush_due() const {
        return can_flush() ? std::min(flush_at_, collect_at_) : collect_at_;
    }

    void collect_activity() {
        const std::int64_t now = now_ms();
        table_.for_each_active(
            [&](std::string_view, const cache::route& of, const cache::activity& line) {
                activity_.collect(of, line, now);
            });
    }

    void flush_activity() {
        const auto now = time_.steady();
        if (now >= collect_at_) {
            collect_at_ = now + options_.flush_interval;
            collect_activity();
            flush_at_ = now;
        }
        if (now < flush_at_ || !can_flush())
            return;
        // A part at a time, so that changes of routes come in between; a failure waits for the next
        // interval.
        flush_at_ = write_some() ? now : collect_at_;
    }

    bool write_some() {
        const auto updates = activity_.next(flush_sessions_max);
        const auto written = follower_.connected()->add_activity(updates);
        if (written) {
            activity_.wrote(updates);
            table_.count(cache::counter::activity_written, updates.size());
        } else {
            table_.count(cache::counter::sync_errors);
            if (!flush_failed_)
                log_.warn("activity of {} sessions waits, the store did not take it: {}",
                          activity_.owed(), written.error().text());
        }
        flush_failed_ = !written;
        return !flush_failed_;
    }

    void flush_the_rest() {
        collect_activity();
        store* const connected = follower_.connected();
        if (connected != nullptr) {
            connected->set_patience(last_flush_patience);
            while (activity_.owed() > 0 && write_some()) {
            }
        }
        if (activity_.owed() > 0)
            log_.warn("activity of {} sessions was not written to the store before the end",
                      activity_.owed());
    }

    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(time_.wall()); }

    const options& options_;
    const bells& rings_;
    int stop_fd_;
    sigset_t while_waiting_{};
    cache::session_writer& table_;
    const base::clock& time_;
    base::log& log_;
    follower follower_;
    activity_flow activity_;
    base::steady_time beat_at_{};
    base::steady_time collect_at_{};
    base::steady_time flush_at_{};
    bool flush_failed_ = false;
};

/// No process of ours leaves a file like this: it was damaged or deleted while postern ran.
bool is_lost(const base::error_code& code) {
    return code == cache::error::bad_magic || code == cache::error::other_layout ||
           code == cache::error::bad_header || code == cache::error::truncated ||
           code == boost::system::errc::no_such_file_or_directory;
}

} // namespace

int run(const options& opts, const open_store& open, const bells& rings, int stop_fd,
        const base::clock& time, base::log& log) {
    auto table = cache::session_writer::open(opts.table_path);
    if (!table && is_lost(table.error().code)) {
        log.error("the session table is lost, another is made and filled from the store: {}",
                  table.error().text());
        if (const auto made = cache::replace_lost(opts.table_path, opts.table_capacity); !made)
            table = made.error();
        else
            table = cache::session_writer::open(opts.table_path);
    }
    if (!table) {
        log.write(base::log_level::crit,
                  "the session table cannot be written: " + table.error().text());
        return 1;
    }
    return worker{opts, open, rings, stop_fd, *table, time, log}.run();
}

} // namespace postern::sync
