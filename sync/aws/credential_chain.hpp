// Credentials that hold: found once along a chain of places, refreshed before they run out.
#pragma once

#include "base/log.hpp"
#include "sync/aws/credential_provider.hpp"
#include "sync/aws/credential_source.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace postern::sync::aws {

/// The first provider that has credentials is the one; from then on it alone is asked, until it has
/// none any more or a service refuses what it gave. One that is set up but does not work ends the
/// search: no other identity is taken instead.
///
/// Refresh: some minutes before the end (up to ten; a quarter to a half of what lives shorter),
/// drawn per refresh, so that a fleet does not ask at once. While a refresh fails the old ones are
/// given for as long as they hold, and it is tried again after a random part of 1 s, 2 s, ... 30 s.
/// One thread looks, the others take the old ones or wait for it. Thread-safe.
class credential_chain final : public credential_source {
  public:
    /// `random` is in [0, 1) and thread-safe; the references outlive the chain.
    credential_chain(std::vector<std::unique_ptr<credential_provider>> providers,
                     const base::clock& time, std::function<double()> random, base::log& log);

    /// Errors: no_credentials, with each provider and why it has none; cancelled.
    [[nodiscard]] base::result<std::shared_ptr<const credentials>>
    get(const std::stop_token& stop) override;
    /// Looks along the whole chain, at most once in five seconds.
    [[nodiscard]] bool renew(const credentials& refused, const std::stop_token& stop) override;

  private:
    using lock = std::unique_lock<std::mutex>;
    [[nodiscard]] bool holds(const credentials& c) const;
    [[nodiscard]] base::result<credentials> search(const std::stop_token& stop);
    bool look(lock& held, const std::stop_token& stop);
    void take(credentials found);
    void note_failure(const base::failure& why);

    const std::vector<std::unique_ptr<credential_provider>> providers_;
    const base::clock& time_;
    const std::function<double()> random_;
    base::log& log_;

    std::mutex mutex_;
    std::condition_variable_any looked_;
    bool is_looking_ = false;
    std::size_t only_; // the provider that was found; all of them: none yet. The looking thread's
    std::shared_ptr<const credentials> current_;
    base::steady_time refresh_at_{};
    base::steady_time retry_at_{};
    base::steady_time renew_at_{};
    unsigned failures_ = 0; // in a row
    base::failure failure_; // the last
};

} // namespace postern::sync::aws
