#include "sync/look_through.hpp"

#include "sync/apply.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <poll.h>
#include <random>
#include <utility>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr backoff::limits away_pause{500ms, 4s};

/// Signals are for the process's own thread.
void block_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

base::doorbell made_bell() {
    auto made = base::doorbell::make();
    return made ? std::move(*made) : base::doorbell{};
}

} // namespace

bool is_over(const session& record, std::chrono::milliseconds route_ttl,
             std::int64_t now_ms) noexcept {
    if (is_past_ttl(record, now_ms))
        return true;
    return record.status == session_status::inactive &&
           route_of(record, 0, route_ttl).resume_until_ms < now_ms;
}

look_through::look_through(const look_limits& bounds, std::chrono::milliseconds route_ttl,
                           cache::asked_keys asked, const look_through_parts& parts)
    : bounds_{bounds}, route_ttl_{route_ttl}, parts_{parts}, woken_{made_bell()}, asked_{asked},
      queue_{bounds}, pause_{away_pause, std::random_device{}()} {
    threads_.emplace_back([this](const std::stop_token& stop) { listen(stop); });
    for (unsigned i = 0; i < std::max(bounds_.calls, 1U); ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { call(stop); });
}

look_through::~look_through() {
    for (std::jthread& one : threads_)
        one.request_stop();
    threads_.clear();
}

void look_through::listen(const std::stop_token& stop) {
    block_signals();
    const std::stop_callback wake{stop, [this] { woken_.ring(); }};
    std::array<pollfd, 2> fds{{{parts_.asked.fd(), POLLIN, 0}, {woken_.fd(), POLLIN, 0}}};
    while (!stop.stop_requested()) {
        take_asked(); // also what stands there since before this process began
        static_cast<void>(::poll(fds.data(), fds.size(), 1'000));
        parts_.asked.silence();
    }
}

void look_through::take_asked() {
    const lock held{mutex_};
    const auto now = parts_.time.steady();
    const std::int64_t now_in_ms = now_ms();
    std::vector<std::string> refused;
    asked_.take([&](const cache::asked_for& one) {
        // Who asked so long ago waits no more; a time that is yet to come is none.
        const std::chrono::milliseconds age{now_in_ms - one.at_ms};
        if (age > bounds_.patience)
            return asked_.count(cache::counter::look_through_keys_late);
        if (age < -1s)
            return asked_.count(cache::counter::look_through_keys_refused);
        if (asked_.said(one.key, now_in_ms) == cache::answer::absent)
            return; // said between the worker's look and its asking: it is rung for that
        if (now < away_until_ || queue_.add(one.key, one.asker, now, now - age + bounds_.patience,
                                            refused) == look_queue::came_to::refused)
            refused.emplace_back(one.key);
    });
    if (!refused.empty()) {
        refuse(refused);
        ring_workers();
    }
    changed_.notify_all();
}

void look_through::call(const std::stop_token& stop) {
    block_signals();
    lock held{mutex_};
    while (!stop.stop_requested()) {
        const auto key = queue_.next(parts_.time.steady());
        asked_.count(cache::counter::look_through_keys_late, queue_.take_late());
        if (key) {
            look_for(held, *key, stop);
            continue;
        }
        const auto due = queue_.due();
        if (due == base::steady_time::max())
            changed_.wait(held, stop, [this] { return queue_.due() != base::steady_time::max(); });
        else
            changed_.wait_until(held, stop, due, [] { return false; });
    }
}

void look_through::look_for(lock& held, const std::string& key, const std::stop_token& stop) {
    asked_.count(cache::counter::look_through_reads);
    held.unlock();
    const auto found = parts_.store.look_for(key, stop);
    if (found && *found) // first: it is in the table by the time that others ask for it again
        parts_.news.ring();
    held.lock();
    if (found || !stop.stop_requested())
        note_answer(key, found);
}

void look_through::note_answer(const std::string& key,
                               const base::result<std::optional<session>>& found) {
    if (!found) {
        queue_.done(key);
        asked_.count(cache::counter::look_through_errors);
        say(key, cache::answer::refused);
        if (found.error().code == store_error::unavailable)
            go_away(found.error());
        return ring_workers();
    }
    away_until_ = {};
    pause_.reset();
    if (std::exchange(away_code_, {}))
        parts_.log.notice("unknown sessions are looked for in the store again");
    const std::int64_t ttls_as_of_ms =
        base::to_epoch_ms(parts_.time.wall()) - parts_.store.clock_ahead_ms();
    if (*found && !is_over(**found, route_ttl_, ttls_as_of_ms)) {
        queue_.found(key, parts_.time.steady());
        return asked_.count(cache::counter::look_through_found);
    }
    queue_.done(key);
    asked_.count(cache::counter::look_through_absent);
    say(key, cache::answer::absent);
    ring_workers();
}

void look_through::go_away(const base::failure& why) {
    const auto now = parts_.time.steady();
    if (now >= away_until_) // calls that were under way say the same
        away_until_ = now + std::max<std::chrono::milliseconds>(pause_.next(), 100ms);
    refuse(queue_.take_all());
    if (away_code_ == why.code)
        return;
    away_code_ = why.code;
    parts_.log.warn("unknown sessions cannot be looked for in the store: {}", why.text());
}

void look_through::say(std::string_view key, cache::answer what) {
    asked_.say(key, what, now_ms());
}

void look_through::refuse(const std::vector<std::string>& keys) {
    for (const std::string& key : keys)
        say(key, cache::answer::refused);
    asked_.count(cache::counter::look_through_keys_refused, keys.size());
}

void look_through::ring_workers() {
    const auto waiting = asked_.waiting_workers();
    for (std::size_t i = 0; i < std::min(waiting.size(), parts_.workers.size()); ++i)
        if (waiting[i])
            parts_.workers[i].ring();
}

} // namespace postern::sync
