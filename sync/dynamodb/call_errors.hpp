// What a call to DynamoDB came to, as a store's or a feed's error.
#pragma once

#include "sync/aws/client.hpp"

namespace postern::sync::dynamodb {

/// One of store_error: invalid, where the request does not fit the table; else unavailable.
[[nodiscard]] base::failure store_failure(const aws::call_failure& why);
/// One of feed_error where a feed tells it apart, else store_failure.
[[nodiscard]] base::failure feed_failure(const aws::call_failure& why);
/// An answer that is not what the service's documentation says.
[[nodiscard]] base::failure strange_answer(std::string_view operation, std::string_view what);

} // namespace postern::sync::dynamodb
