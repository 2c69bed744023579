// What a worker asks before it serves: is this client, or this session, within its limits? Counts
// and logs what is over.
#pragma once

#include "base/clock.hpp"
#include "base/ip_endpoint.hpp"
#include "base/log.hpp"
#include "cache/session_reader.hpp"
#include "edge/limits/shared_limits.hpp"
#include "edge/settings/settings.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace postern::edge {

/// What limits know a client or a session by: a keyed hash.
using limit_key = std::uint64_t;
inline constexpr limit_key no_limit_key = 0; // not to be limited

/// Whose bytes are counted.
struct byte_owners {
    limit_key client = no_limit_key;
    limit_key session = no_limit_key;
};

/// One worker's view of what all share. Not thread-safe; outlives what it gives out.
class limiter {
  public:
    /// `slot`: the worker's own process slot; nobody else may have it.
    limiter(const shared_limits& shared, const limits_settings& limits, std::uint32_t slot,
            const cache::session_reader& table, const base::clock& time, base::log& log);

    [[nodiscard]] bool limits_connections() const noexcept {
        return limits_.client_connections > 0;
    }
    [[nodiscard]] bool limits_rates() const noexcept {
        return limits_.client_requests.on() || limits_.session_requests.on() || limits_bytes();
    }
    [[nodiscard]] bool limits_bytes() const noexcept {
        return limits_.client_bytes.on() || limits_.session_bytes.on();
    }

    /// An IPv4 address by itself, an IPv6 one by its /64: whoever has one address there has all.
    [[nodiscard]] limit_key client_key(const base::ip_address& address) const noexcept;
    /// `hash`: session_reader::hash_of the route key.
    [[nodiscard]] limit_key session_key(cache::key_hash hash) const noexcept;

    /// A connection that is counted for its client as long as this lives.
    class counted_connection {
      public:
        counted_connection() noexcept = default;
        counted_connection(connection_counts& in, connection_counts::place where) noexcept
            : in_{&in}, where_{where} {}
        counted_connection(counted_connection&& other) noexcept
            : in_{std::exchange(other.in_, nullptr)}, where_{other.where_} {}
        counted_connection& operator=(counted_connection&& other) noexcept {
            std::swap(in_, other.in_);
            std::swap(where_, other.where_);
            return *this;
        }
        ~counted_connection() {
            if (in_ != nullptr)
                in_->remove(where_);
        }

      private:
        connection_counts* in_ = nullptr;
        connection_counts::place where_ = 0;
    };
    /// Counts one more connection of `client`. False: it has client_connections already; it is then
    /// refused, counted and logged as such. Workers that ask at the same moment may each let one
    /// in.
    [[nodiscard]] bool admit(const base::ip_address& client, counted_connection& out);

    /// One more request. 0: within the limits; else it is refused, and these many seconds later
    /// another could be served. Requests within their limit are refused, too, while their owner's
    /// bytes are more than a second's worth over their own.
    [[nodiscard]] unsigned request_of_client(limit_key client, std::string_view name);
    [[nodiscard]] unsigned request_of_session(limit_key session, std::string_view name);

    /// Bytes that have moved, either way. How long the owners should move no more; 0: they may.
    std::chrono::nanoseconds moved(const byte_owners& owners, std::uint64_t bytes);

    /// What is owed at the most beyond a burst of bytes: a client that was served something large
    /// in one piece is not shut out for longer.
    static constexpr std::chrono::seconds debt_max{60};
    /// So much may bytes be over their rate before requests are refused: bodies on their way are
    /// slowed down to the rate, and requests between them should not see that.
    static constexpr std::chrono::seconds debt_of_bodies{1};

  private:
    struct bucket_rule { // a rate in time: what a unit costs, what a full bucket holds
        std::uint64_t units = 0, period_ns = 0;
        limit_ns burst = 0;
        cache::counter counted{};
        limit_kind kind{};
        const char* directive = "";
        [[nodiscard]] limit_ns cost_of(std::uint64_t n) const noexcept;
    };
    [[nodiscard]] static bucket_rule rule_of(const rate_limit& limit, limit_kind kind,
                                             cache::counter counted, const char* directive);
    [[nodiscard]] limit_ns now() const noexcept;
    [[nodiscard]] unsigned request_of(limit_key who, std::string_view name,
                                      const bucket_rule& requests, const bucket_rule& bytes);
    [[nodiscard]] unsigned refuse(const bucket_rule& rule, std::string_view name, limit_ns late);
    [[nodiscard]] limit_ns charge(limit_key who, const bucket_rule& rule, std::uint64_t bytes);
    /// True once a minute, of all workers.
    [[nodiscard]] bool may_say(limit_kind kind);
    void note_replaced(const rate_table::outcome& outcome);

    limits_memory& memory_;
    const limits_settings& limits_;
    connection_counts& own_connections_;
    const cache::session_reader& table_;
    const base::clock& time_;
    base::log& log_;
    bucket_rule client_requests_, client_bytes_, session_requests_, session_bytes_;
};

} // namespace postern::edge
