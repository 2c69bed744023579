// What is overdue: deadlines of a worker, looked at ten times a second.
#pragma once

#include <boost/intrusive/list.hpp>

#include <chrono>

namespace postern::edge {

/// All deadlines of a worker in a list that is walked on each tick. A list and not a timer each,
/// because setting a deadline happens several times a request and passing one hardly ever.
class deadlines {
  public:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds tick_interval{100};

    using hook = boost::intrusive::list_base_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    /// Someone with a deadline. Must not destroy other entries when it is looked at.
    struct entry : hook {
        virtual ~entry() = default;
        virtual void look(clock::time_point now) = 0;
    };

    void add(entry& e) noexcept { entries_.push_back(e); }
    /// Ends what is overdue. Called by the loop every tick_interval.
    void tick(clock::time_point now) {
        now_ = now;
        for (entry& e : entries_)
            e.look(now);
    }
    /// The time of the last tick: what deadlines are counted from.
    [[nodiscard]] clock::time_point now() const noexcept { return now_; }

  private:
    boost::intrusive::list<entry, boost::intrusive::constant_time_size<false>> entries_;
    clock::time_point now_ = clock::now();
};

} // namespace postern::edge
