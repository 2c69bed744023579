// Activity on its way to a store that is elsewhere: written on a thread of its own, because a route
// that changes must not wait for the network.
#pragma once

#include "base/doorbell.hpp"
#include "sync/remote_table.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace postern::sync {

/// One batch at a time. Its owner's thread calls; the members are not for several.
class activity_sender {
  public:
    /// `done` is rung when a batch is through. Both outlive it.
    activity_sender(remote_table& to, const base::doorbell& done);
    /// Stops what is on its way: it then counts as failed, and some of it may have been written.
    ~activity_sender();
    activity_sender(const activity_sender&) = delete;
    activity_sender& operator=(const activity_sender&) = delete;

    [[nodiscard]] bool is_busy() const;
    /// Requires: not busy.
    void send(std::vector<activity_update> updates);

    struct outcome {
        std::vector<activity_update> written, failed;
        base::result<void> result; // why some failed
    };
    /// What came of the last batch, once; waited for at most this long.
    [[nodiscard]] std::optional<outcome> finished(std::chrono::milliseconds longest);

  private:
    void run(const std::stop_token& stop);

    remote_table& to_;
    const base::doorbell& done_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<activity_update> batch_;
    bool is_busy_ = false;
    std::optional<outcome> outcome_;
    std::jthread thread_; // last: it uses the others
};

} // namespace postern::sync
