#include "sync/aws/service_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace postern::sync::aws {
namespace {

struct meaning {
    std::string_view name;
    aws_error code;
    retry_kind retry = retry_kind::never;
    remedy help = remedy::none;
};

// By name, without the namespaces that differ between the services.
constexpr std::array meanings{
    meaning{"ProvisionedThroughputExceededException", aws_error::throttled, retry_kind::throttle},
    meaning{"ThrottlingException", aws_error::throttled, retry_kind::throttle},
    meaning{"Throttling", aws_error::throttled, retry_kind::throttle},
    meaning{"ThrottledException", aws_error::throttled, retry_kind::throttle},
    meaning{"RequestThrottled", aws_error::throttled, retry_kind::throttle},
    meaning{"RequestThrottledException", aws_error::throttled, retry_kind::throttle},
    meaning{"TooManyRequestsException", aws_error::throttled, retry_kind::throttle},
    meaning{"RequestLimitExceeded", aws_error::throttled, retry_kind::throttle},
    meaning{"LimitExceededException", aws_error::throttled, retry_kind::throttle},
    meaning{"SlowDown", aws_error::throttled, retry_kind::throttle},
    meaning{"InternalServerError", aws_error::down, retry_kind::transient},
    meaning{"InternalFailure", aws_error::down, retry_kind::transient},
    meaning{"ServiceUnavailable", aws_error::down, retry_kind::transient},
    meaning{"ServiceUnavailableException", aws_error::down, retry_kind::transient},
    meaning{"RequestTimeout", aws_error::down, retry_kind::transient},
    meaning{"RequestTimeoutException", aws_error::down, retry_kind::transient},
    meaning{"TransactionInProgressException", aws_error::conflict, retry_kind::transient},
    meaning{"TransactionConflictException", aws_error::conflict, retry_kind::transient},
    meaning{"ReplicatedWriteConflictException", aws_error::conflict, retry_kind::transient},
    meaning{"ResourceInUseException", aws_error::conflict},
    meaning{"TableInUseException", aws_error::conflict},
    meaning{"ResourceNotFoundException", aws_error::not_found},
    meaning{"TableNotFoundException", aws_error::not_found},
    meaning{"ConditionalCheckFailedException", aws_error::condition_failed},
    meaning{"ExpiredIteratorException", aws_error::expired_iterator},
    meaning{"TrimmedDataAccessException", aws_error::trimmed},
    meaning{"ValidationException", aws_error::validation},
    meaning{"ValidationError", aws_error::validation},
    meaning{"SerializationException", aws_error::validation},
    meaning{"UnknownOperationException", aws_error::validation},
    meaning{"ItemCollectionSizeLimitExceededException", aws_error::too_large},
    meaning{"RequestEntityTooLargeException", aws_error::too_large},
    meaning{"AccessDeniedException", aws_error::denied},
    meaning{"AccessDenied", aws_error::denied},
    meaning{"NotAuthorized", aws_error::denied},
    meaning{"OptInRequired", aws_error::denied},
    meaning{"UnrecognizedClientException", aws_error::unrecognised, retry_kind::never,
            remedy::renew_credentials},
    meaning{"InvalidClientTokenId", aws_error::unrecognised, retry_kind::never,
            remedy::renew_credentials},
    meaning{"ExpiredTokenException", aws_error::unrecognised, retry_kind::never,
            remedy::renew_credentials},
    meaning{"ExpiredToken", aws_error::unrecognised, retry_kind::never, remedy::renew_credentials},
    meaning{"InvalidSignatureException", aws_error::unrecognised},
    meaning{"SignatureDoesNotMatch", aws_error::unrecognised},
    meaning{"IncompleteSignatureException", aws_error::unrecognised},
    meaning{"IncompleteSignature", aws_error::unrecognised},
    meaning{"MissingAuthenticationTokenException", aws_error::unrecognised},
    meaning{"MissingAuthenticationToken", aws_error::unrecognised},
    meaning{"RequestTimeTooSkewed", aws_error::clock_skew, retry_kind::never,
            remedy::correct_clock},
    meaning{"RequestExpired", aws_error::clock_skew, retry_kind::never, remedy::correct_clock},
    meaning{"RequestInTheFuture", aws_error::clock_skew, retry_kind::never, remedy::correct_clock},
};

constexpr std::size_t shown_bytes_max = 500;

/// For sentences: short, and without control bytes.
std::string shown(std::string_view text) {
    std::string out{text.substr(0, shown_bytes_max)};
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = ' ';
    return text.size() > shown_bytes_max ? out + "..." : out;
}

bool holds(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// A signature is refused for a wrong key, a token that has run out, or a wrong clock; only the
/// message tells which.
void look_into_signature(service_error& error) {
    if (holds(error.message, "Signature expired") ||
        holds(error.message, "Signature not yet current")) {
        error.code = aws_error::clock_skew;
        error.help = remedy::correct_clock;
    } else {
        error.help = remedy::renew_credentials;
    }
}

/// One failed part is enough; the part that cannot succeed by trying again decides.
void look_into_transaction(service_error& error) {
    error.code = aws_error::refused;
    bool has_conflict = false, has_throttle = false;
    const auto reasons = error.details.find("CancellationReasons");
    if (reasons == error.details.end() || !reasons->is_array())
        return;
    for (const json& reason : *reasons) {
        const std::string code = string_at(reason, "Code");
        if (code == "ConditionalCheckFailed") {
            error.code = aws_error::condition_failed;
            return;
        }
        if (code == "ValidationError" || code == "ItemCollectionSizeLimitExceeded")
            error.code = aws_error::validation;
        has_conflict = has_conflict || code == "TransactionConflict";
        has_throttle =
            has_throttle || code == "ThrottlingError" || code == "ProvisionedThroughputExceeded";
    }
    if (error.code != aws_error::refused || (!has_conflict && !has_throttle))
        return;
    error.code = has_throttle ? aws_error::throttled : aws_error::conflict;
    error.retry = has_throttle ? retry_kind::throttle : retry_kind::transient;
}

/// Of an answer that names no error we know.
void judge_by_status(service_error& error, unsigned status) {
    if (status >= 500 || status == 408) {
        error.code = aws_error::down;
        error.retry = retry_kind::transient;
    } else if (status == 429) {
        error.code = aws_error::throttled;
        error.retry = retry_kind::throttle;
    } else if (status == 413) {
        error.code = aws_error::too_large;
    } else if (error.name.empty()) { // not the service: a proxy, a portal, another server
        error.code = aws_error::garbage;
    } else if (status == 401 || status == 403) {
        error.code = aws_error::denied;
    }
}

} // namespace

std::string_view bare_error_name(std::string_view name) noexcept {
    name = name.substr(0, name.find(':'));
    const std::size_t hash = name.rfind('#');
    return hash == std::string_view::npos ? name : name.substr(hash + 1);
}

service_error read_service_error(unsigned status, const http_headers& headers,
                                 std::string_view body) {
    service_error error;
    if (auto parsed = parse_json(body); parsed && parsed->is_object())
        error.details = std::move(*parsed);
    std::string name = string_at(error.details, "__type");
    if (name.empty())
        name = string_at(error.details, "code");
    if (const auto said = find_header(headers, "x-amzn-errortype"); name.empty() && said)
        name = *said;
    error.name = shown(bare_error_name(name));
    error.message = string_at(error.details, "message");
    if (error.message.empty())
        error.message = string_at(error.details, "Message");
    error.message = shown(error.message.empty() && error.name.empty() ? body : error.message);

    if (error.name == "TransactionCanceledException") {
        look_into_transaction(error);
        return error;
    }
    const auto known = std::find_if(meanings.begin(), meanings.end(),
                                    [&](const meaning& m) { return m.name == error.name; });
    if (known == meanings.end()) {
        judge_by_status(error, status);
        return error;
    }
    error.code = known->code;
    error.retry = known->retry;
    error.help = known->help;
    if (error.name == "InvalidSignatureException" || error.name == "SignatureDoesNotMatch")
        look_into_signature(error);
    return error;
}

} // namespace postern::sync::aws
