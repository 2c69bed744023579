#include "sync/remote_threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>

namespace postern::sync {

remote_threads::remote_threads(remote_table& table, base::doorbell news, const base::clock& time,
                               base::log& log)
    : news_{std::move(news)}, followed_{table.feeds()}, activity_{table, news_} {
    for (std::size_t which = 0; which < table.feeds() + table.helpers(); ++which) {
        states_.push_back(std::make_unique<feed_state>());
        feed_state& state = *states_.back();
        feed_thread_options options;
        options.name = which == 0              ? "the store"
                       : which < table.feeds() ? fmt::format("the store's feed {}", which + 1)
                                               : "what is fed to other hosts";
        if (which >= table.feeds())
            options.meanwhile = "they hear of changes by another feeder, if there is one";
        feeds_.push_back(std::make_unique<feed_thread>(
            options,
            [&table, &state, which](const std::stop_token& stop) {
                return table.open_feed(which, state, stop);
            },
            state, [this] { news_.ring(); }, time, log, std::random_device{}()));
    }
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
