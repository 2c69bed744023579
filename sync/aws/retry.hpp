// When to try again, and when to stop trying. Source: AWS SDKs and Tools reference, "Retry
// behavior", standard mode with DynamoDB's values.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace postern::sync::aws {

enum class retry_kind {
    never,
    transient, // the network, a server that failed: soon
    throttle,  // asked to slow down
};

struct retry_options {
    unsigned attempts_max = 4; // of one call, the first among them
    std::chrono::milliseconds transient_base{25};
    std::chrono::milliseconds throttle_base{1'000};
    std::chrono::milliseconds delay_max{20'000};
    // The budget of all calls together: what retries take, success gives back.
    unsigned budget = 500;
    unsigned transient_cost = 14;
    unsigned throttle_cost = 5;
};

/// Full jitter: an even draw from 0 to base * 2^retries, at most delay_max. `random` is in [0, 1);
/// `retries`: how many came before.
[[nodiscard]] std::chrono::milliseconds retry_delay(const retry_options& options, retry_kind kind,
                                                    unsigned retries, double random) noexcept;
/// Requires: not `never`.
[[nodiscard]] unsigned retry_cost(const retry_options& options, retry_kind kind) noexcept;

/// A bucket of tokens: while a service fails altogether, calls fail at once and do not multiply
/// what is asked of it. Thread-safe.
class retry_budget {
  public:
    explicit retry_budget(unsigned size) : size_{size}, left_{size} {}

    /// False: not that many are left, and none are taken.
    [[nodiscard]] bool take(unsigned cost);
    void give_back(unsigned cost);

  private:
    std::mutex mutex_;
    const unsigned size_;
    unsigned left_;
};

/// Waiting as an argument, so that tests take no time.
class pause {
  public:
    virtual ~pause() = default;
    /// False: `stop` was set before the time was over. Thread-safe.
    [[nodiscard]] virtual bool wait(std::chrono::milliseconds time,
                                    const std::stop_token& stop) = 0;
};

class real_pause final : public pause {
  public:
    [[nodiscard]] bool wait(std::chrono::milliseconds time, const std::stop_token& stop) override;
};

} // namespace postern::sync::aws
