// Redis calls the scripts' numbers doubles, whole up to 2^53: numbers of changes and times are
// below that. Sequence numbers are not, and stay text. Every script checks before its first write,
// so that one that Redis breaks off has written nothing, or is found out by the count of rows.
#include "sync/redis/scripts.hpp"

#include "sync/feed/position.hpp"

#include <fmt/format.h>

namespace postern::sync::redis {
namespace {

constexpr std::string_view acquire_text = R"lua(
for slot = 1, #KEYS do
    if redis.call('GET', KEYS[slot]) == ARGV[1] then
        redis.call('PEXPIRE', KEYS[slot], ARGV[2])
        return slot
    end
end
for slot = 1, #KEYS do
    if redis.call('SET', KEYS[slot], ARGV[1], 'NX', 'PX', ARGV[2]) then
        return slot
    end
end
return 0
)lua";

constexpr std::string_view release_text = R"lua(
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
)lua";

/// In front of those that would write beside, or over, what somebody else keeps in a key of ours.
constexpr std::string_view types_text = R"lua(
local function are_ours(from)
    local kinds = {'hash', 'hash', 'hash', 'zset', 'stream'}
    for at = from, #kinds do
        local there = redis.call('TYPE', KEYS[at]).ok
        if there ~= 'none' and there ~= kinds[at] then return false end
    end
    return true
end
)lua";

constexpr std::string_view adopt_text = R"lua(
local meta, rows = KEYS[1], KEYS[2]
if not are_ours(1) then return redis.error_reply('WRONGTYPE') end
if redis.call('GET', KEYS[6]) ~= ARGV[1] then return {'lost'} end
local has = redis.call('HMGET', meta, 'epoch', 'number', 'rows', 'complete')
if not has[1] or not tonumber(has[2]) or redis.call('HLEN', rows) ~= tonumber(has[3]) then
    redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
    redis.call('HSET', meta, 'epoch', ARGV[2], 'number', '0', 'rows', '0', 'lineage', '0')
    return {'ok', ARGV[2], '0', '0'}
end
if not has[4] then
    for other = 7, #KEYS do
        if redis.call('EXISTS', KEYS[other]) == 1 then return {'wait'} end
    end
end
local answer = {'ok', has[1], has[2], has[3]}
for slot = 1, 9 do
    local kept = redis.call('HGET', meta, 'position:' .. slot)
    if kept then answer[#answer + 1] = kept end
end
return answer
)lua";

// The rules of README.md, "What is published".
constexpr std::string_view publish_text = R"lua(
local meta, rows, gone, gone_at, log, lease = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local token, lease_ms, epoch, stream = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local position_name, position, lag, completes = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local begun, step, gone_ms, log_max = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local check = ARGV[13]

local function whole(number) return string.format('%.0f', number) end
local function is_after(a, b)
    if #a ~= #b then return #a > #b end
    return a > b
end
local function label(arn) return (string.gsub(string.match(arn, '/stream/(.*)$') or '', '%D', '')) end

if redis.replicate_commands then redis.replicate_commands() end
if not are_ours(3) then return redis.error_reply('WRONGTYPE') end
if redis.call('GET', lease) ~= token then return {'lost'} end
local has = redis.call('HMGET', meta, 'epoch', 'number', 'rows', 'stream', 'lineage', 'current', 'check')
if has[1] ~= epoch or not tonumber(has[2]) or redis.call('HLEN', rows) ~= tonumber(has[3]) then
    return {'other'}
end
local number, count, lineage = tonumber(has[2]), tonumber(has[3]), tonumber(has[5] or '0')
if stream ~= '' and stream ~= has[4] then
    if has[4] and is_after(label(has[4]), label(stream)) then return {'stream'} end
    lineage = lineage + 1
    redis.call('HSET', meta, 'stream', stream, 'lineage', whole(lineage))
end
redis.call('PEXPIRE', lease, lease_ms)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local published, passed_over = 0, 0
local function tell(key, row)
    local id = whole(number) .. '-0'
    local told = redis.pcall('XADD', log, 'MAXLEN', '~', log_max, id, 'c', check, 'k', key, 'r', row)
    if type(told) == 'table' and told.err then -- something else was written to it: begun anew
        redis.call('UNLINK', log)
        redis.call('XADD', log, id, 'c', check, 'k', key, 'r', row)
    end
    published = published + 1
end

for at = 14, #ARGV, 7 do
    local kind, key, sequence, digest = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local activity, ttl, body = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), ARGV[at + 6]
    local there = redis.call('HGET', rows, key)
    local kept = there or redis.call('HGET', gone, key) or '0 0 0 - 0 0 '
    local its_lineage, its_sequence, its_number, its_digest, its_activity, its_ttl =
        string.match(kept, '^(%d+) (%d+) (%d+) (%S+) (%d+) (%d+) ')
    if not its_lineage then
        its_lineage, its_sequence, its_number, its_digest, its_activity, its_ttl = '0', '0', '0', '-', '0', '0'
    end
    its_activity, its_ttl = tonumber(its_activity), tonumber(its_ttl)
    if tonumber(its_lineage) ~= lineage then its_sequence = '0' end
    local takes
    local is_record = sequence ~= ''
    if is_record then
        takes = is_after(sequence, its_sequence)
    else
        takes = tonumber(its_number) <= begun
        sequence = its_sequence
    end
    if takes and kind == 'put' and there and digest == its_digest and ttl >= its_ttl and
        activity - its_activity < step and ttl - its_ttl < step and
        (its_ttl == 0 or ttl == its_ttl or its_ttl > now + step) then
        takes = false
        if is_record then passed_over = passed_over + 1 end
    end
    if takes and kind == 'put' then
        number = number + 1
        local row = table.concat({whole(lineage), sequence, whole(number), digest, whole(activity),
                                  whole(ttl), body}, ' ')
        redis.call('HSET', rows, key, row)
        if not there then
            count = count + 1
            redis.call('HDEL', gone, key)
            redis.call('ZREM', gone_at, key)
        end
        tell(key, row)
    elseif takes and (there or kind == 'remove') then
        number = number + 1
        redis.call('HSET', gone, key, table.concat({whole(lineage), sequence, whole(number), '- 0 0 '}, ' '))
        redis.call('ZADD', gone_at, whole(now), key)
        if there then
            count = count - 1
            redis.call('HDEL', rows, key)
        end
        tell(key, '')
    end
end

for _, key in ipairs(redis.call('ZRANGEBYSCORE', gone_at, '-inf', whole(now - gone_ms), 'LIMIT', 0, 100)) do
    redis.call('HDEL', gone, key)
    redis.call('ZREM', gone_at, key)
end
if published > 0 then
    redis.call('HSET', meta, 'number', whole(number), 'rows', whole(count), 'check', check, 'changed', whole(now))
end
if position ~= '' then redis.call('HSET', meta, position_name, position) end
if completes == '1' then redis.call('HSET', meta, 'complete', '1') end
if lag ~= '' then
    local current = tonumber(has[6] or '0')
    if current > now then current = 0 end
    redis.call('HSET', meta, 'current', whole(math.max(current, now - tonumber(lag))))
end
return {'ok', whole(number), whole(count), whole(published), whole(passed_over)}
)lua";

constexpr std::string_view old_keys_text = R"lua(
local has = redis.call('HMGET', KEYS[1], 'epoch', 'rows')
if has[1] ~= ARGV[1] or redis.call('HLEN', KEYS[2]) ~= tonumber(has[2]) then return {'other'} end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
local keys, begun = {}, tonumber(ARGV[4])
for at = 1, #page[2], 2 do
    local number = string.match(page[2][at + 1], '^%d+ %d+ (%d+) ')
    if not number or tonumber(number) <= begun then keys[#keys + 1] = page[2][at] end
end
return {'ok', page[1], keys}
)lua";

constexpr std::string_view look_text = R"lua(
local has = redis.call('HMGET', KEYS[1], 'epoch', 'complete', 'number', 'check', 'current', 'rows')
local held = redis.call('EXISTS', unpack(KEYS, 3))
if not has[1] then return {'', '', '0', '', '-1', '0', held} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local age = '-1'
if has[5] then age = string.format('%.0f', math.max(now - tonumber(has[5]), 0)) end
local whole = redis.call('HLEN', KEYS[2]) == tonumber(has[6]) and '1' or '0'
return {has[1], has[2] or '', has[3] or '', has[4] or '', age, whole, held}
)lua";

constexpr std::string_view page_text = R"lua(
local has = redis.call('HMGET', KEYS[1], 'epoch', 'rows', 'complete')
if has[1] ~= ARGV[1] or not has[3] or redis.call('HLEN', KEYS[2]) ~= tonumber(has[2]) then
    return {'other'}
end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
return {'ok', page[1], page[2]}
)lua";

} // namespace

table_keys::table_keys(std::string_view table, std::string_view of)
    : prefix_{fmt::format("postern1:{{{}.{:016x}}}:", table, shard_hash(of))} {
    meta = prefix_ + "meta";
    rows = prefix_ + "rows";
    gone = prefix_ + "gone";
    gone_at = prefix_ + "gone_at";
    log = prefix_ + "log";
    spare = prefix_ + "spare";
}

std::string table_keys::lease(unsigned slot) const {
    return fmt::format("{}lease{}", prefix_, slot);
}

std::vector<std::string> table_keys::looked_at() const {
    std::vector<std::string> keys{meta, rows};
    for (unsigned slot = 1; slot <= slots_max; ++slot)
        keys.push_back(lease(slot));
    return keys;
}

const script& acquire_script() {
    static const script made{acquire_text};
    return made;
}
const script& release_script() {
    static const script made{release_text};
    return made;
}
const script& adopt_script() {
    static const std::string text = fmt::format("{}{}", types_text, adopt_text);
    static const script made{text};
    return made;
}
const script& publish_script() {
    static const std::string text = fmt::format("{}{}", types_text, publish_text);
    static const script made{text};
    return made;
}
const script& old_keys_script() {
    static const script made{old_keys_text};
    return made;
}
const script& look_script() {
    static const script made{look_text};
    return made;
}
const script& page_script() {
    static const script made{page_text};
    return made;
}

} // namespace postern::sync::redis
