// Asks targets whether they answer: HTTP GET or a TCP connect, many at a time, on one thread. Holds
// the only libcurl of this folder; its poll is the lifecycle thread's.
#pragma once

#include "base/ip_endpoint.hpp"
#include "control/control_worker.hpp"

#include <chrono>
#include <memory>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::control {

struct probe_result {
    std::string key;
    bool good = false;   // http: an answer below 500; tcp: connected
    std::string problem; // one line when not good: "connection refused", "answered 500"
};

/// At most one probe a key is under way. Not thread-safe.
class prober {
  public:
    prober();
    ~prober();
    prober(const prober&) = delete;
    prober& operator=(const prober&) = delete;

    /// Begins a probe of at most `within`. No redirect is followed, no proxy is used, Host is
    /// localhost:PORT (dev servers refuse names they do not know). One under way for the key is
    /// dropped.
    void begin(std::string_view key, const base::ip_endpoint& target, const probe_options& how,
               std::chrono::milliseconds within);
    void cancel(std::string_view key);
    [[nodiscard]] bool busy(std::string_view key) const;

    /// Waits for probes and for `also` (as poll(2), POLLIN only), at most `timeout`. The probes
    /// that ended.
    std::vector<probe_result> wait(std::span<::pollfd> also, std::chrono::milliseconds timeout);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace postern::control
