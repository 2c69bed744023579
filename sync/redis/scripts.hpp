// What runs inside Redis, each as one: the words that feeders and hosts have for it.
#pragma once

#include "sync/redis/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::sync::redis {

/// Feeders of one table at one time: more may not read a shard of a stream.
inline constexpr unsigned slots_max = 2;

/// The keys of one followed table. All have one hash tag: a cluster keeps them together.
struct table_keys {
    /// `of`: which table, read in which way. Hosts that read it in another way have other keys.
    table_keys(std::string_view table, std::string_view of);

    std::string meta, rows, gone, gone_at, log;
    std::string spare; // for tries
    /// `slot` from 1.
    [[nodiscard]] std::string lease(unsigned slot) const;
    /// KEYS of look: meta rows lease1 lease2.
    [[nodiscard]] std::vector<std::string> looked_at() const;

  private:
    std::string prefix_;
};

/// KEYS lease1 lease2..., ARGV token ms. Takes the first lease that is free, or this token's own.
/// Returns its number, 0: none.
[[nodiscard]] const script& acquire_script();
/// KEYS lease, ARGV token. Lets it go, if it is this token's.
[[nodiscard]] const script& release_script();
/// KEYS meta rows gone gone_at log lease others' leases..., ARGV token epoch. What is there, or a
/// new beginning with this epoch where there is nothing, or what is there is damaged. Returns
/// {"lost"}, {"wait"} (another feeder fills it), or {"ok", epoch, number, rows, positions...}.
[[nodiscard]] const script& adopt_script();
/// KEYS as adopt's first six, ARGV: see publisher.cpp. Returns {"lost"}, {"other"}, {"stream"} (the
/// table has a later one), or {"ok", number, rows, published, passed over}.
[[nodiscard]] const script& publish_script();
/// KEYS meta rows, ARGV epoch cursor count number. Keys whose row was brought by no later change
/// than `number`. Returns {"other"} or {"ok", cursor, keys}.
[[nodiscard]] const script& old_keys_script();
/// KEYS table_keys::looked_at. Returns {epoch, complete, number, check, age in ms or -1, whole,
/// leases held}.
[[nodiscard]] const script& look_script();
/// KEYS meta rows, ARGV epoch cursor count. Returns {"other"} or {"ok", cursor, {key, row, ...}}.
[[nodiscard]] const script& page_script();

} // namespace postern::sync::redis
