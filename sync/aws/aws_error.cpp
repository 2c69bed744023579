#include "sync/aws/aws_error.hpp"

#include "base/named_category.hpp"

#include <array>

namespace postern::sync::aws {
namespace {

struct wording {
    aws_error error;
    std::string_view name;
    const char* message;
};
constexpr std::array wordings{
    wording{aws_error::throttled, "throttled", "the service asks for fewer requests"},
    wording{aws_error::denied, "denied", "a right is missing"},
    wording{aws_error::unrecognised, "unrecognised", "the service does not accept the credentials"},
    wording{aws_error::no_credentials, "no_credentials", "there are no AWS credentials"},
    wording{aws_error::misconfigured, "misconfigured", "the AWS settings cannot be used"},
    wording{aws_error::validation, "validation", "the service finds the request wrong"},
    wording{aws_error::condition_failed, "condition_failed", "a condition did not hold"},
    wording{aws_error::conflict, "conflict", "someone else is changing the same"},
    wording{aws_error::not_found, "not_found", "the service has no such thing"},
    wording{aws_error::expired_iterator, "expired_iterator", "the shard iterator has expired"},
    wording{aws_error::trimmed, "trimmed", "the stream no longer has this position"},
    wording{aws_error::too_large, "too_large", "larger than allowed"},
    wording{aws_error::clock_skew, "clock_skew", "the clock is wrong"},
    wording{aws_error::untrusted, "untrusted", "the peer cannot be trusted"},
    wording{aws_error::down, "down", "the service cannot be reached or fails"},
    wording{aws_error::garbage, "garbage", "the answer cannot be read"},
    wording{aws_error::refused, "refused", "the service refuses"},
    wording{aws_error::cancelled, "cancelled", "told to stop"},
};
static_assert(wordings.size() == static_cast<std::size_t>(aws_error::cancelled));

const char* message_of(aws_error e) {
    for (const wording& w : wordings)
        if (w.error == e)
            return w.message;
    return "unknown AWS error";
}

} // namespace

const boost::system::error_category& aws_error_category() noexcept {
    static const base::named_category<aws_error, message_of> category{"postern.aws"};
    return category;
}

std::string_view name_of(aws_error e) noexcept {
    for (const wording& w : wordings)
        if (w.error == e)
            return w.name;
    return "unknown";
}

} // namespace postern::sync::aws
