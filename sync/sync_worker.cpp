#include "sync/sync_worker.hpp"

#include "cache/segment.hpp"
#include "sync/activity_writer.hpp"
#include "sync/follower.hpp"
#include "sync/look_through.hpp"
#include "sync/remote_threads.hpp"
#include "sync/replica/replica_store.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <optional>
#include <poll.h>
#include <random>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr auto beat_interval = 1s;

/// Rings by signal wait, in this thread and those that it starts; `before`: the mask so far.
void hold_rings(sigset_t* before) {
    sigset_t ring;
    ::sigemptyset(&ring);
    ::sigaddset(&ring, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &ring, before);
}

class worker {
  public:
    /// `remote` is null for a store on this host.
    worker(const options& opts, const open_store& open, const bells& rings, int stop_fd,
           cache::session_writer& table, const base::clock& time, base::log& log,
           remote_threads* remote)
        : options_{opts}, rings_{rings}, stop_fd_{stop_fd}, table_{table}, time_{time}, log_{log},
          follower_{opts, open, table, time, log, std::random_device{}()}, remote_{remote},
          activity_{opts,
                    table,
                    time,
                    log,
                    remote == nullptr ? nullptr : &remote->activity(),
                    std::random_device{}()} {}

    int run() {
        // Let in only while it waits: one that comes in between is not lost.
        hold_rings(&while_waiting_);
        ::sigdelset(&while_waiting_, SIGUSR1);
        bool rung = false;
        for (;;) {
            if (const auto found = table_.patrol(time_.steady()); !found)
                return give_up(found.error());
            else if (found->any())
                note_damage(*found);
            beat();
            follower_.hold_ttls(activity_.late_until_ms());
            const auto follow_at = follower_.work(rung);
            if (follower_.took_changes())
                ring_workers();
            const auto activity_at = activity_.work(follower_.connected());
            const woken by = wait_until(std::min({follow_at, beat_at_, activity_at}));
            if (by.stop)
                break;
            rung = by.rung;
        }
        activity_.write_the_rest(follower_.connected());
        if (remote_ != nullptr)
            remote_->count_in(table_);
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
        std::array<pollfd, 3> fds{{{rings_.sync.fd(), POLLIN, 0},
                                   {stop_fd_, POLLIN, 0},
                                   {remote_ == nullptr ? -1 : remote_->news().fd(), POLLIN, 0}}};
        const int ready = ::ppoll(fds.data(), fds.size(), &longest, &while_waiting_);
        if (ready < 0) { // a signal: a command has written to the store
            if (remote_ != nullptr)
                remote_->ring();
            return {.rung = true};
        }
        if (ready == 0)
            return {};
        // Silenced before the store is looked at: a ring from here on counts anew.
        if (fds[0].revents != 0)
            rings_.sync.silence();
        if (fds[2].revents != 0)
            remote_->news().silence();
        return {fds[0].revents != 0 || fds[2].revents != 0, fds[1].revents != 0};
    }

    void beat() {
        if (time_.steady() < beat_at_)
            return;
        beat_at_ = time_.steady() + beat_interval;
        table_.beat(now_ms());
        if (remote_ != nullptr)
            remote_->count_in(table_);
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
        activity_.write_the_rest(follower_.connected());
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

    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(time_.wall()); }

    const options& options_;
    const bells& rings_;
    int stop_fd_;
    sigset_t while_waiting_{};
    cache::session_writer& table_;
    const base::clock& time_;
    base::log& log_;
    follower follower_;
    remote_threads* remote_;
    activity_writer activity_;
    base::steady_time beat_at_{};
};

/// No process of ours leaves a file like this: it was damaged or deleted while postern ran.
bool is_lost(const base::error_code& code) {
    return code == cache::error::bad_magic || code == cache::error::other_layout ||
           code == cache::error::bad_header || code == cache::error::truncated ||
           code == boost::system::errc::no_such_file_or_directory;
}

base::result<cache::session_writer> open_table(const options& opts, base::log& log) {
    auto table = cache::session_writer::open(opts.table_path);
    if (!table && is_lost(table.error().code)) {
        log.error("the session table is lost, another is made and filled from the store: {}",
                  table.error().text());
        if (const auto made = cache::replace_lost(opts.table_path, opts.table_capacity); !made)
            return made.error();
        return cache::session_writer::open(opts.table_path);
    }
    return table;
}

int fail(base::log& log, std::string_view sentence, const base::failure& why) {
    log.write(base::log_level::crit, std::string{sentence} + ": " + why.text());
    return 1;
}

} // namespace

int run(const options& opts, const open_store& open, const bells& rings, int stop_fd,
        const base::clock& time, base::log& log) {
    auto table = open_table(opts, log);
    if (!table)
        return fail(log, "the session table cannot be written", table.error());
    return worker{opts, open, rings, stop_fd, *table, time, log, nullptr}.run();
}

int run(const options& opts, const open_remote& open, const bells& rings, int stop_fd,
        const base::clock& time, base::log& log) {
    auto table = open_table(opts, log);
    if (!table)
        return fail(log, "the session table cannot be written", table.error());
    const auto remote = open(time, log);
    if (!remote)
        return fail(log, "the store cannot be followed", remote.error());
    const replica_options& replica = (*remote)->replica();
    const auto say = [&](const std::string& sentence) { log.warn("{}", sentence); };
    if (const auto made = prepare_replica(replica, say); !made)
        return fail(log, "the store's replica cannot be kept", made.error());
    auto news = base::doorbell::make();
    if (!news)
        return fail(log, "the store cannot be followed", news.error());
    hold_rings(nullptr); // or one would end in another thread than the one that waits for it
    remote_threads threads{**remote, std::move(*news), time, log};
    const open_store from_replica = [&] {
        return open_replica_store(
            replica, [&] { return threads.current_at_ms(); },
            [&] { return (*remote)->clock_ahead_ms(); });
    };
    std::optional<look_through> looks;
    if ((*remote)->looks_through() && rings.asked != nullptr)
        looks.emplace(
            opts.look_through, opts.route_ttl, table->asked(),
            look_through_parts{**remote, *rings.asked, rings.workers, threads.news(), time, log});
    return worker{opts, from_replica, rings, stop_fd, *table, time, log, &threads}.run();
}

} // namespace postern::sync
