#include "sync/redis/redis_error.hpp"

#include "base/named_category.hpp"

namespace postern::sync::redis {
namespace {

const char* message_of(redis_error e) {
    switch (e) {
    case redis_error::away:
        return "it is away";
    case redis_error::refused:
        return "it refused";
    case redis_error::strange:
        return "its answer makes no sense";
    case redis_error::too_large:
        return "its answer is too large";
    case redis_error::lease_lost:
        return "the lease is lost";
    case redis_error::other_data:
        return "the data in Redis is not what it was";
    case redis_error::stopped:
        return "stopped";
    case redis_error::foreign_key:
        return "it is somebody else's";
    }
    return "unknown redis error";
}

} // namespace

const boost::system::error_category& redis_error_category() noexcept {
    static const base::named_category<redis_error, message_of> category{"postern.redis"};
    return category;
}

} // namespace postern::sync::redis
