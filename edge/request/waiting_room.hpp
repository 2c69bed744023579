// Where requests wait for a route to change: held fetches and sockets, and loading pages that
// listen. One room a worker; sync rings when anything in the table changed, and everyone looks
// again.
#pragma once

#include "cache/session_reader.hpp"
#include "edge/net/signal.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>

namespace postern::edge {

/// Not thread-safe. While anyone is in the room, the table's waiting bit of this worker is set.
class waiting_room {
    using hook = boost::intrusive::list_base_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  public:
    waiting_room(event_loop& loop, cache::session_reader& table) : loop_{loop}, table_{table} {}

    /// What sync is asked, by a guest who waits for its answer.
    struct inquiry {
        cache::key_hash key = 0;
        std::uint32_t asker = 0; // who: a number that each client has its own of
        std::chrono::steady_clock::time_point asked_at{}; // none: not yet
    };

    /// One guest's seat. The order that loses no change: take a seat, look the route up, then wait.
    class seat : public hook {
      public:
        explicit seat(waiting_room& room, inquiry* about = nullptr);
        ~seat();
        seat(const seat&) = delete;
        seat& operator=(const seat&) = delete;
        /// Until a route (any route) has changed, or the time has come.
        [[nodiscard]] task<void> wait_until(std::chrono::steady_clock::time_point latest);

      private:
        friend class waiting_room;
        void ring() noexcept {
            rung_ = true;
            rung_or_late_.tell();
        }
        waiting_room& room_;
        const inquiry* about_; // nullptr: waits for a route to change
        signal rung_or_late_;
        bool rung_ = false;
    };

    /// A route has changed: everyone looks again.
    void ring() noexcept;
    /// Sync has answered: those who asked look again.
    void ring_inquirers() noexcept;
    /// Those who wait for routes, and those who have asked.
    [[nodiscard]] std::size_t guests() const noexcept { return guests_ - inquirers_; }
    [[nodiscard]] std::size_t inquirers() const noexcept { return inquirers_; }
    /// Of those who have asked themselves, and not joined another.
    [[nodiscard]] std::size_t inquiries_of(std::uint32_t asker) const noexcept;
    /// Someone has asked for this key since then.
    [[nodiscard]] bool has_asked(cache::key_hash key,
                                 std::chrono::steady_clock::time_point since) const noexcept;

  private:
    event_loop& loop_;
    cache::session_reader& table_;
    boost::intrusive::list<seat, boost::intrusive::constant_time_size<false>> seats_;
    std::size_t guests_ = 0;
    std::size_t inquirers_ = 0; // of them
};

} // namespace postern::edge
