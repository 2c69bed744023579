#include "edge/limits/limiter.hpp"

#include <algorithm>
#include <bit>

namespace postern::edge {
namespace {

constexpr limit_ns ns_per_s = 1'000'000'000;

/// Another key for each kind of bucket of one owner.
constexpr std::uint64_t bucket_key(limit_key owner, limit_kind kind) noexcept {
    std::uint64_t key = owner ^ (0x9e3779b97f4a7c15 * (static_cast<std::uint64_t>(kind) + 1));
    key = (key ^ (key >> 32U)) * 0xd6e8feb86659fd93;
    return key ^ (key >> 32U);
}

constexpr limit_ns in_ns(std::chrono::nanoseconds time) noexcept {
    return static_cast<limit_ns>(time.count());
}

} // namespace

limit_ns limiter::bucket_rule::cost_of(std::uint64_t n) const noexcept {
    __extension__ using wide = unsigned __int128;
    constexpr wide most = wide{1} << 60U; // 36 years: sums of two stay in range
    return static_cast<limit_ns>(std::min(wide{n} * period_ns / units, most));
}

limiter::bucket_rule limiter::rule_of(const rate_limit& limit, limit_kind kind,
                                      cache::counter counted, const char* directive) {
    bucket_rule rule;
    rule.units = limit.units;
    rule.period_ns = in_ns(limit.period);
    rule.counted = counted;
    rule.kind = kind;
    rule.directive = directive;
    if (limit.on())
        rule.burst = rule.cost_of(std::max<std::uint64_t>(limit.burst, 1));
    return rule;
}

limiter::limiter(const shared_limits& shared, const limits_settings& limits, std::uint32_t slot,
                 const cache::session_reader& table, const base::clock& time, base::log& log)
    : memory_{shared.memory()}, limits_{limits},
      own_connections_{memory_.connections[slot]}, table_{table}, time_{time}, log_{log},
      client_requests_{rule_of(limits.client_requests, limit_kind::client_requests,
                               cache::counter::client_requests_limited, "client_request_rate")},
      client_bytes_{rule_of(limits.client_bytes, limit_kind::client_bytes,
                            cache::counter::client_bytes_limited, "client_byte_rate")},
      session_requests_{rule_of(limits.session_requests, limit_kind::session_requests,
                                cache::counter::session_requests_limited, "session_request_rate")},
      session_bytes_{rule_of(limits.session_bytes, limit_kind::session_bytes,
                             cache::counter::session_bytes_limited, "session_byte_rate")} {
    shared.use(slot);
}

limit_ns limiter::now() const noexcept {
    return in_ns(time_.steady().time_since_epoch());
}

limit_key limiter::client_key(const base::ip_address& address) const noexcept {
    const std::size_t bytes = address.is_v4() ? 16 : 8;
    const limit_key key =
        cache::sip_hash(memory_.seed, {reinterpret_cast<const char*>(address.bytes.data()),
                                       bytes}); // chars may alias
    return key == no_limit_key ? 1 : key;
}

limit_key limiter::session_key(cache::key_hash hash) const noexcept {
    // The table's own key makes it unforeseeable; a session is not to meet a client's buckets.
    const limit_key key = std::rotl(hash, 32) ^ memory_.seed.low;
    return key == no_limit_key ? 1 : key;
}

bool limiter::admit(const base::ip_address& client, counted_connection& out) {
    const limit_key key = client_key(client);
    std::uint32_t total = 0;
    for (std::size_t word = 0; word < memory_.slots_in_use.size(); ++word) {
        std::uint64_t slots = memory_.slots_in_use[word].load(std::memory_order_relaxed);
        for (; slots != 0; slots &= slots - 1)
            total +=
                memory_.connections[word * 64 + static_cast<std::size_t>(std::countr_zero(slots))]
                    .of(key);
    }
    if (total >= limits_.client_connections) {
        table_.count(cache::counter::client_connections_limited);
        if (may_say(limit_kind::client_connections))
            log_.warn("client {} has {} connections: more are refused (client_connections)",
                      client.text(), total);
        return false;
    }
    if (const auto place = own_connections_.add(key))
        out = counted_connection{own_connections_, *place};
    else
        table_.count(cache::counter::limit_entries_replaced);
    return true;
}

unsigned limiter::request_of_client(limit_key client, std::string_view name) {
    return request_of(client, name, client_requests_, client_bytes_);
}

unsigned limiter::request_of_session(limit_key session, std::string_view name) {
    return request_of(session, name, session_requests_, session_bytes_);
}

unsigned limiter::request_of(limit_key who, std::string_view name, const bucket_rule& requests,
                             const bucket_rule& bytes) {
    if (who == no_limit_key || (requests.units == 0 && bytes.units == 0))
        return 0;
    const limit_ns at = now();
    if (bytes.units > 0) {
        const limit_ns most = bytes.burst + in_ns(debt_of_bodies);
        const limit_ns owed = memory_.rates.owed(bucket_key(who, bytes.kind), at);
        if (owed > most)
            return refuse(bytes, name, owed - most);
    }
    if (requests.units == 0)
        return 0;
    const rate_table::outcome taken =
        memory_.rates.take(bucket_key(who, requests.kind), requests.cost_of(1), requests.burst, at);
    note_replaced(taken);
    return taken.late == 0 ? 0 : refuse(requests, name, taken.late);
}

unsigned limiter::refuse(const bucket_rule& rule, std::string_view name, limit_ns late) {
    table_.count(rule.counted);
    if (may_say(rule.kind))
        log_.warn("{} \"{}\" is over {}: 429 until it is not",
                  rule.kind == limit_kind::client_requests || rule.kind == limit_kind::client_bytes
                      ? "client"
                      : "session",
                  name, rule.directive);
    return static_cast<unsigned>((late + ns_per_s - 1) / ns_per_s);
}

std::chrono::nanoseconds limiter::moved(const byte_owners& owners, std::uint64_t bytes) {
    const limit_ns late = std::max(charge(owners.client, client_bytes_, bytes),
                                   charge(owners.session, session_bytes_, bytes));
    return std::chrono::nanoseconds{static_cast<std::int64_t>(late)};
}

limit_ns limiter::charge(limit_key who, const bucket_rule& rule, std::uint64_t bytes) {
    if (who == no_limit_key || rule.units == 0)
        return 0;
    const rate_table::outcome charged = memory_.rates.charge(
        bucket_key(who, rule.kind), rule.cost_of(bytes), rule.burst, in_ns(debt_max), now());
    note_replaced(charged);
    return charged.late;
}

bool limiter::may_say(limit_kind kind) {
    std::atomic<limit_ns>& said = memory_.said_at[static_cast<std::size_t>(kind)];
    limit_ns before = said.load(std::memory_order_relaxed);
    const limit_ns at = now();
    if (before != 0 && at < before + 60 * ns_per_s)
        return false;
    return said.compare_exchange_strong(before, at, std::memory_order_relaxed);
}

void limiter::note_replaced(const rate_table::outcome& outcome) {
    if (outcome.replaced)
        table_.count(cache::counter::limit_entries_replaced);
}

} // namespace postern::edge
