#include "sync/remote_threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

namespace postern::sync {

remote_threads::remote_threads(remote_table& table, base::doorbell news, const base::clock& time,
                               base::log& log)
    : news_{std::move(news)}, followed_{table.feeds()}, table_{table}, activity_{table, news_} {
    for (std::size_t which = 0; which < table.feeds() + table.helpers(); ++which) {
        states_.push_back(std::make_unique<feed_state>());
        feed_state& state = *states_.back();
        feed_thread_options options;
        options.name = which == 0              ? "the store"
                       : which < table.feeds() ? fmt::format("the store's feed {}", which + 1)
                                               : "what is fed to other hosts";
        if (which >= table.feeds())
            options.meanwhile = "they hear of changes by another feeder, if there is one";
        options.tell = [&table, which](const std::string& why) {
            const bool is_feeder = which >= table.feeds() && !why.empty();
            return note_trouble(table.replica(), which,
                                is_feeder ? fmt::format("this host cannot feed it: {}", why) : why)
                .has_value();
        };
        feeds_.push_back(std::make_unique<feed_thread>(
            options,
            [&table, &state, which](const std::stop_token& stop) {
                return table.open_feed(which, state, stop);
            },
            state, [this] { news_.ring(); }, time, log, std::random_device{}()));
    }
}

void remote_threads::count_in(cache::session_writer& table) {
    using cache::counter;
    if (!std::exchange(has_counted_, true))
        end_leases_of_before(table);
    for (std::uint32_t which = 0; which < followed_; ++which) {
        // The counters of a kind stand together, one a feed, its helper's with it.
        const auto tell = [&](counter of_first, std::atomic<std::uint64_t> feed_state::*total) {
            std::uint64_t sum = 0;
            for (std::size_t one = which; one < states_.size(); one += followed_)
                sum += (states_[one].get()->*total).load(std::memory_order_relaxed);
            told_.tell(table, static_cast<counter>(static_cast<std::uint32_t>(of_first) + which),
                       sum);
        };
        tell(counter::feed_calls__feed__sessions, &feed_state::calls);
        tell(counter::feed_records__feed__sessions, &feed_state::records);
        tell(counter::feed_snapshots__feed__sessions, &feed_state::snapshots);
        tell(counter::feed_rows_scanned__feed__sessions, &feed_state::rows_scanned);
        tell(counter::feed_rows_removed__feed__sessions, &feed_state::rows_removed);
        tell(counter::feed_throttled__feed__sessions, &feed_state::throttled);
        tell(counter::feed_gaps__feed__sessions, &feed_state::gaps);
        tell(counter::feed_skipped__feed__sessions, &feed_state::skipped);
        tell(counter::feed_errors__feed__sessions, &feed_state::errors);
        tell(counter::feeder_leases__feed__sessions, &feed_state::leases);
        tell(counter::feeder_leases_ended__feed__sessions, &feed_state::leases_ended);
        tell(counter::feeder_gave_way__feed__sessions, &feed_state::gave_way);
        tell(counter::feeder_published__feed__sessions, &feed_state::published);
        tell(counter::feeder_passed_over__feed__sessions, &feed_state::passed_over);
        tell(counter::feeder_snapshots__feed__sessions, &feed_state::published_snapshots);
    }
    told_.tell(table, table_.usage());
}

void remote_threads::end_leases_of_before(cache::session_writer& table) {
    using cache::counter;
    for (const auto& [taken, ended] : {std::pair{counter::feeder_leases__feed__sessions,
                                                 counter::feeder_leases_ended__feed__sessions},
                                       std::pair{counter::feeder_leases__feed__containers,
                                                 counter::feeder_leases_ended__feed__containers}})
        table.count(ended, table.counted(taken) - table.counted(ended));
}

void remote_threads::ring() {
    for (const auto& one : feeds_)
        one->ring();
}

std::int64_t remote_threads::current_at_ms() const noexcept {
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
    for (std::size_t which = 0; which < followed_; ++which)
        oldest = std::min(oldest, states_[which]->current_at_ms.load(std::memory_order_relaxed));
    return followed_ == 0 ? 0 : oldest;
}

} // namespace postern::sync
