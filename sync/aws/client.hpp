// Calls to DynamoDB and its streams: JSON 1.0, signed, tried again, checked.
#pragma once

#include "base/log.hpp"
#include "sync/aws/corrected_clock.hpp"
#include "sync/aws/credential_source.hpp"
#include "sync/aws/endpoint.hpp"
#include "sync/aws/http_transport.hpp"
#include "sync/aws/json.hpp"
#include "sync/aws/retry.hpp"
#include "sync/aws/service_error.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace postern::sync::aws {

enum class service { dynamodb, streams };
inline constexpr std::size_t services = 2;

/// A `failure` (what sliced it is one: `return reply.error();`) with what the service said of it.
struct call_failure : base::failure {
    std::string name{}; // the service's: "ConditionalCheckFailedException"; empty: none of it
    json details{};     // its whole answer, e.g. with Item or CancellationReasons; may be null
};
template <class T>
using reply = boost::system::result<T, call_failure>;

struct client_options {
    std::string region;
    std::array<endpoint, services> endpoints; // by service
    retry_options retry;
    std::chrono::milliseconds connect_timeout{2'000};
    std::chrono::milliseconds attempt_timeout{10'000};
    std::chrono::milliseconds call_timeout{30'000}; // of all attempts and the waits between
    std::size_t answer_bytes_max = 32 * 1024 * 1024;
    bool accept_gzip = false; // less to carry, more to work: for links that are slow or cost
};

/// What a client works with. All outlive it; tests put in their own.
struct client_parts {
    http_transport& http;
    credential_source& keys;
    corrected_clock& time;
    pause& waiting;
    std::function<double()> random; // [0, 1), thread-safe
    base::log& log;
};

/// Of one call, where it is to be stricter than its client.
struct call_limits {
    unsigned attempts_max = std::numeric_limits<unsigned>::max();
};

/// Since the client was made.
struct client_counters {
    std::uint64_t calls = 0, failed_calls = 0;
    std::uint64_t unmet_conditions = 0; // answers like any other: no failed calls
    std::uint64_t attempts = 0;         // requests sent
    std::uint64_t throttled = 0;        // attempts that the service asked to slow down after
    std::uint64_t retries = 0;          // attempts after a wait
    std::uint64_t budget_empty = 0;     // retries left out for want of budget
    std::uint64_t clock_corrections = 0, credential_renewals = 0;
    std::uint64_t bytes_sent = 0, bytes_received = 0; // of bodies
};

/// Thread-safe: any number of threads may call at once; each blocks until its call is done, and
/// has a connection of its own meanwhile. A call ends soon after its stop token is set, also while
/// it waits for its next try.
///
/// At least once: a request that timed out or broke off may have been carried out, and is sent
/// again. A call whose repetition matters (ADD) carries a condition, or the caller lives with it.
class client {
  public:
    client(client_options options, client_parts parts);

    /// `operation` is the API's name ("Scan"). Errors: aws_error's, when all attempts are over.
    [[nodiscard]] reply<json> call(service of, std::string_view operation, const json& body,
                                   const std::stop_token& stop = {}, call_limits limits = {});

    /// Takes an answer's text; false: it is not what it should be, and the attempt failed
    /// (garbage). May be called once an attempt.
    using reader = std::function<bool(std::string_view answer)>;
    /// The same for callers that write and read JSON by themselves.
    [[nodiscard]] reply<void> call_text(service of, std::string_view operation,
                                        std::string_view body, const reader& read,
                                        const std::stop_token& stop = {}, call_limits limits = {});

    [[nodiscard]] client_counters counters() const noexcept;
    [[nodiscard]] const client_options& options() const noexcept { return options_; }

  private:
    struct job;
    struct attempt;
    [[nodiscard]] attempt try_once(const job& r, const std::stop_token& stop);
    [[nodiscard]] attempt judge(const job& r, http_answer& answer);
    [[nodiscard]] bool can_help(attempt& failed, unsigned& helped, const std::stop_token& stop);
    [[nodiscard]] call_failure failure_of(const job& r, attempt& last, unsigned attempts);

    struct tallies {
        std::atomic<std::uint64_t> calls, failed_calls, unmet_conditions, attempts, throttled,
            retries, budget_empty, clock_corrections, credential_renewals, bytes_sent,
            bytes_received;
    };

    client_options options_;
    client_parts parts_;
    std::array<retry_budget, services> budgets_;
    tallies tallies_{};
};

} // namespace postern::sync::aws
