#include "sync/dynamodb/call_errors.hpp"

#include "sync/feed/stream_source.hpp"
#include "sync/store/store.hpp"

#include <fmt/format.h>

namespace postern::sync::dynamodb {

using aws::aws_error;
using base::failure;

failure store_failure(const aws::call_failure& why) {
    switch (static_cast<aws_error>(why.code.value())) {
    case aws_error::validation:
    case aws_error::too_large:
        return {store_error::invalid, why.what};
    case aws_error::not_found:
        return {store_error::unavailable,
                why.what + "; \"postern store check\" says what is there"};
    default:
        return {store_error::unavailable, why.what};
    }
}

failure feed_failure(const aws::call_failure& why) {
    switch (static_cast<aws_error>(why.code.value())) {
    case aws_error::expired_iterator:
        return {feed_error::expired_iterator, why.what};
    case aws_error::trimmed:
        return {feed_error::trimmed, why.what};
    case aws_error::not_found:
        return {feed_error::gone, why.what};
    case aws_error::throttled:
        return {feed_error::throttled, why.what};
    default:
        return store_failure(why);
    }
}

failure strange_answer(std::string_view operation, std::string_view what) {
    return {store_error::unavailable,
            fmt::format("{}: the answer is not DynamoDB's: {}", operation, what)};
}

} // namespace postern::sync::dynamodb
