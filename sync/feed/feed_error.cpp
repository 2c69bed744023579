// The errors that a feed tells apart, in words.
#include "base/named_category.hpp"
#include "sync/feed/stream_source.hpp"

namespace postern::sync {
namespace {

const char* message_of(feed_error e) {
    switch (e) {
    case feed_error::expired_iterator:
        return "the stream's iterator has expired";
    case feed_error::trimmed:
        return "the stream no longer reaches back to the position";
    case feed_error::gone:
        return "there is no such stream or shard";
    case feed_error::throttled:
        return "the stream is read too often";
    }
    return "unknown feed error";
}

} // namespace

const boost::system::error_category& feed_error_category() noexcept {
    static const base::named_category<feed_error, message_of> category{"postern.feed"};
    return category;
}

} // namespace postern::sync
