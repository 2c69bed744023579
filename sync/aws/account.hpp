// All that a process needs to talk to AWS, made once: transport, time, credentials, region, client.
#pragma once

#include "base/log.hpp"
#include "sync/aws/client.hpp"
#include "sync/aws/credential_chain.hpp"
#include "sync/aws/environment.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace postern::sync::aws {

/// As conf says it; what is empty is found as AWS's tools find it.
struct account_options {
    std::string region{};
    std::string profile{};  // named here, it goes before keys in the environment
    std::string endpoint{}; // of DynamoDB, and of its streams unless they have one
    std::string streams_endpoint{};
    std::string ca_file{};
    client_options client{}; // region and endpoints in it are filled in
};

/// Thread-safe as its parts are. Made after a fork, never carried over one.
class account {
  public:
    /// Reads the shared files and finds the region; that may ask the instance's metadata, for a
    /// second or two. Credentials are looked for by the first call. `http`: null for libcurl.
    /// Errors: misconfigured, cancelled.
    [[nodiscard]] static base::result<std::unique_ptr<account>>
    open(account_options options, environment env, const base::clock& time, base::log& log,
         std::unique_ptr<http_transport> http = nullptr, const std::stop_token& stop = {});
    account(const account&) = delete;
    account& operator=(const account&) = delete;

    [[nodiscard]] client& calls() noexcept { return *client_; }
    /// Another client, of the same places by the same credentials, whose calls end within
    /// `longest`. The account outlives it.
    [[nodiscard]] std::unique_ptr<client> calls_within(std::chrono::milliseconds longest,
                                                       base::log& log);
    [[nodiscard]] credential_source& keys() noexcept { return *chain_; }
    [[nodiscard]] const std::string& region() const noexcept { return client_->options().region; }
    /// What signatures go by.
    [[nodiscard]] const corrected_clock& time() const noexcept { return time_; }

  private:
    account(environment env, const base::clock& time, std::unique_ptr<http_transport> http);
    [[nodiscard]] double random();
    [[nodiscard]] provider_parts parts() noexcept { return {env_, *http_, time_}; }

    environment env_;
    std::unique_ptr<http_transport> http_;
    corrected_clock time_;
    real_pause pause_;
    std::mutex random_mutex_;
    std::mt19937_64 random_{std::random_device{}()};
    std::unique_ptr<credential_chain> chain_;
    std::unique_ptr<client> client_;
};

} // namespace postern::sync::aws
