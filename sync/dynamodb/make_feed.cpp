#include "sync/dynamodb/make_feed.hpp"

#include "sync/feed/poll_feed.hpp"
#include "sync/feed/streams_feed.hpp"

#include <random>

namespace postern::sync::dynamodb {

std::unique_ptr<feed> make_feed(const table_options& options, stream_source& source, row_sink& sink,
                                feed_state& state, const base::clock& time, base::log& log) {
    const std::uint64_t seed = std::random_device{}();
    if (options.feed == table_options::feed_kind::poll)
        return std::make_unique<poll_feed>(poll_options{.interval = options.poll_interval}, source,
                                           sink, state, time, log, seed);
    return std::make_unique<streams_feed>(streams_options{}, source, sink, state, time, log, seed);
}

} // namespace postern::sync::dynamodb
