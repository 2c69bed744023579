// What each server of a conf shows and speaks, ready for handshakes. Made by the master before it
// forks, as whoever started it: workers inherit the keys and need not be able to read their files.
#pragma once

#include "base/error.hpp"
#include "edge/settings/settings.hpp"
#include "edge/tls/ticket_keys.hpp"

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace postern::edge {

/// How one or more servers speak TLS: their certificates, versions and ciphers. Two servers have
/// the same one just when all of that is the same. Opaque: an SSL_CTX inside.
struct tls_policy;

class tls_contexts {
  public:
    /// For all servers of `conf` that listen with ssl. `keys`: what tickets are sealed with;
    /// nullptr: there are none. Both must outlive the contexts. `now` is for doubts(). Errors:
    /// load_certificate's; invalid_argument with a sentence for ciphers that OpenSSL does not know
    /// and certificates that do not go together.
    [[nodiscard]] static base::result<std::unique_ptr<tls_contexts>>
    load(const settings& conf, const ticket_keys* keys, std::time_t now);
    ~tls_contexts();
    tls_contexts(const tls_contexts&) = delete;
    tls_contexts& operator=(const tls_contexts&) = delete;

    /// Whether any server listens with ssl.
    [[nodiscard]] bool any() const noexcept { return !of_server_.empty(); }
    /// nullptr: this server does not listen with ssl.
    [[nodiscard]] const tls_policy* of(const server_settings& server) const noexcept;
    /// What works and is hardly meant, a sentence each.
    [[nodiscard]] const std::vector<std::string>& doubts() const noexcept { return doubts_; }
    /// Frees the private keys, in a process that has no use for them. No handshake can follow.
    void forget() noexcept;

  private:
    tls_contexts() = default;

    std::map<std::string, std::unique_ptr<tls_policy>> policies_; // by what they are made of
    std::map<const server_settings*, const tls_policy*> of_server_;
    std::vector<std::string> doubts_;
};

} // namespace postern::edge
