#include "sync/redis/look_over.hpp"

#include "sync/redis/foreign_key.hpp"

namespace postern::sync::redis {

using base::failure;
using base::result;

namespace {

// KEYS meta rows gone gone_at log spare lease1..., ARGV 1: as a feeder. Returns {epoch, complete,
// number, rows, since change, since current, and of each lease its holder and ms}. Removes from
// every key what none has (no item's key is empty, no change has the number 0), gives leases the
// time that they have, and writes to the spare key, which it takes away again.
constexpr std::string_view look_over_text = R"lua(
if redis.replicate_commands then redis.replicate_commands() end
local feeds = ARGV[1] == '1'
if feeds then
    local spare = KEYS[6]
    -- First: a full server refuses a script's first write, where that needs memory.
    redis.call('SET', spare, '', 'NX', 'PX', '1000')
    redis.call('DEL', spare)
    for at = 1, 3 do redis.call('HDEL', KEYS[at], '') end
    redis.call('ZREM', KEYS[4], '')
    redis.call('XDEL', KEYS[5], '0-1')
    redis.call('HSET', spare, 'a', 'b')
    redis.call('UNLINK', spare)
    redis.call('ZADD', spare, '1', 'a')
    redis.call('UNLINK', spare)
    redis.call('XADD', spare, 'MAXLEN', '~', '1', '1-0', 'a', 'b')
    redis.call('UNLINK', spare)
end
redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '0', 'LIMIT', 0, 1)
redis.call('HGET', KEYS[3], '')
redis.call('HSCAN', KEYS[2], '0', 'COUNT', '1')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function since(then_ms)
    return then_ms and string.format('%.0f', math.max(now - tonumber(then_ms), 0)) or '-1'
end
local has = redis.call('HMGET', KEYS[1], 'epoch', 'complete', 'number', 'changed', 'current', 'rows')
local whole = has[2] == '1' and redis.call('HLEN', KEYS[2]) == tonumber(has[6])
local answer = {has[1] or '', whole and '1' or '0', has[3] or '0', tostring(redis.call('HLEN', KEYS[2])),
                since(has[4]), since(has[5])}
for at = 7, #KEYS do
    local left = redis.call('PTTL', KEYS[at])
    if feeds and left ~= -1 then redis.call('PEXPIRE', KEYS[at], string.format('%.0f', math.max(left, 1))) end
    answer[#answer + 1] = redis.call('EXISTS', KEYS[at]) == 1 and redis.call('GET', KEYS[at]) or ''
    answer[#answer + 1] = tostring(left)
end
return answer
)lua";

const script& look_over_script() {
    static const script made{look_over_text};
    return made;
}

std::optional<std::chrono::milliseconds> ms_of(const reply& from) {
    const auto whole = from.whole();
    return whole ? std::optional{std::chrono::milliseconds{*whole}} : std::nullopt;
}

/// What is not part of a script. EVAL: what a server that was started anew is asked by.
result<void> try_the_rest(server& redis, const table_keys& keys) {
    const auto evaluated = redis.call({"EVAL", "return 1", "0"});
    if (!evaluated)
        return evaluated.error();
    const auto read = redis.call({"XREAD", "COUNT", "1", "STREAMS", keys.log, "0-0"});
    if (!read)
        return read.error();
    const auto ranged = redis.call({"XRANGE", keys.log, "0-1", "0-1"});
    return ranged ? result<void>{} : ranged.error();
}

} // namespace

result<table_look> look_over(server& redis, const table_keys& keys, bool feeds) {
    const auto foreign = foreign_key_in(redis, keys);
    if (!foreign)
        return foreign.error();
    if (!foreign->empty())
        return failure{redis_error::foreign_key, *foreign};
    if (auto tried = try_the_rest(redis, keys); !tried)
        return tried.error();
    std::vector<std::string> asked{keys.meta,    keys.rows, keys.gone,
                                   keys.gone_at, keys.log,  keys.spare};
    for (unsigned slot = 1; slot <= slots_max; ++slot)
        asked.push_back(keys.lease(slot));
    const auto answer = redis.run(look_over_script(), asked, {feeds ? "1" : "0"});
    if (!answer)
        return answer.error();
    table_look seen;
    seen.is_whole = answer->at(1).text == "1";
    seen.number = static_cast<std::uint64_t>(answer->at(2).whole().value_or(0));
    seen.rows = static_cast<std::uint64_t>(answer->at(3).whole().value_or(0));
    seen.since_change = ms_of(answer->at(4));
    seen.since_current = ms_of(answer->at(5));
    for (unsigned slot = 1; slot <= slots_max; ++slot) {
        const std::size_t at = 6 + 2 * (slot - 1);
        if (!answer->at(at).text.empty())
            seen.leases.push_back(
                {slot, answer->at(at).text.substr(0, answer->at(at).text.find(' ')),
                 ms_of(answer->at(at + 1)).value_or(std::chrono::milliseconds{0})});
    }
    return seen;
}

} // namespace postern::sync::redis
