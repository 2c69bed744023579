// The errors that a feed tells apart, in words.
#include "sync/feed/stream_source.hpp"

namespace postern::sync {
namespace {

// Boost's base class has no virtual destructor on purpose: categories are never deleted through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class feed_category final : public boost::system::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "postern.feed"; }
    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<feed_error>(code)) {
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
};
#pragma GCC diagnostic pop

} // namespace

const boost::system::error_category& feed_error_category() noexcept {
    static const feed_category category;
    return category;
}

} // namespace postern::sync
