// Which feed follows a table: what conf's `feed` says.
#pragma once

#include "base/log.hpp"
#include "sync/dynamodb/table_options.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/feed/stream_source.hpp"

#include <memory>

namespace postern::sync::dynamodb {

/// The references outlive it.
[[nodiscard]] std::unique_ptr<feed> make_feed(const table_options& options, stream_source& source,
                                              row_sink& sink, feed_state& state,
                                              const base::clock& time, base::log& log);

} // namespace postern::sync::dynamodb
