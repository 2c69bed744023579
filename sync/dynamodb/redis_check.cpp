// What "postern store check" says of the Redis server that a fleet is fed through.
#include "sync/dynamodb/table_setup.hpp"
#include "sync/redis/look_over.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::sync::dynamodb {
namespace {

using kind = finding::kind;
using std::chrono::milliseconds;

/// INFO's lines are "name:value".
std::string_view value_in(std::string_view info, std::string_view name) {
    for (std::size_t at = 0; at < info.size();) {
        const std::size_t end = std::min(info.find("\r\n", at), info.size());
        const std::string_view line = info.substr(at, end - at);
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
            return line.substr(name.size() + 1);
        at = end + 2;
    }
    return {};
}

int major_of(std::string_view version) {
    int major = 0;
    std::from_chars(version.data(), version.data() + version.size(), major);
    return major;
}

/// With what would be right, where that is known.
finding wrong(const base::failure& why, bool feeds) {
    const auto says = [&](std::string_view text) {
        return why.what.find(text) != std::string::npos;
    };
    std::string right;
    if (says("NOAUTH"))
        right = "; password_file=FILE behind the URL in conf names the file that has its password";
    else if (says("NOPERM") || says("can't run this command") || says("can't access"))
        right = fmt::format("; a user of its own in Redis needs ~postern1:* +@read {}+@connection "
                            "+eval +evalsha +info +time",
                            feeds ? "+@write " : "");
    return {kind::wrong, fmt::format("{}{}", why.what, right)};
}

void add_server(std::vector<finding>& found, std::string_view name, std::string_view info) {
    const std::string_view version = value_in(info, "redis_version");
    const std::string_view policy = value_in(info, "maxmemory_policy");
    if (major_of(version) < 5)
        found.push_back({kind::wrong, fmt::format("{} is of version {}; 5 or later has what is "
                                                  "needed",
                                                  name, version)});
    else
        found.push_back({kind::right, fmt::format("{} is of version {}", name, version)});
    if (value_in(info, "role") == "slave")
        found.push_back({kind::wrong, fmt::format("{} is a replica; leases and changes are written "
                                                  "to the primary",
                                                  name)});
    if (!policy.empty() && policy != "noeviction")
        found.push_back({kind::advice, fmt::format("{} has maxmemory-policy {}; with noeviction it "
                                                   "never throws away part of the table, which is "
                                                   "then read anew",
                                                   name, policy)});
}

std::string seconds(milliseconds time) {
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1'000);
}

void add_table(std::vector<finding>& found, std::string_view table, const redis::table_look& seen,
               bool feeds) {
    found.push_back({kind::right, fmt::format("table {}: its keys in Redis can be {}", table,
                                              feeds ? "read and written" : "read")});
    for (const auto& one : seen.leases)
        found.push_back(
            {kind::right, fmt::format("table {}: {} feeds it, as number {}, by a lease of {} more",
                                      table, one.holder, one.slot, seconds(one.left))});
    if (seen.leases.empty())
        found.push_back({kind::advice, fmt::format("table {}: no host feeds it; one that runs with "
                                                   "this conf, and without feeders=0, does so "
                                                   "within seconds",
                                                   table)});
    if (!seen.is_whole) {
        found.push_back({kind::advice,
                         fmt::format("table {}: Redis does not have the whole of it, hosts without "
                                     "a replica wait until a feeder has read it",
                                     table)});
        return;
    }
    std::string text =
        fmt::format("table {}: Redis has the whole of it, {} rows, ", table, seen.rows);
    text += seen.number == 0 ? std::string{"without a change so far"}
                             : fmt::format("the last change is number {}", seen.number);
    if (seen.since_change && seen.number > 0)
        text += fmt::format(", {} ago", seconds(*seen.since_change));
    if (seen.since_current)
        text += fmt::format("; it is as the table was {} ago", seconds(*seen.since_current));
    found.push_back({kind::right, std::move(text)});
}

} // namespace

std::vector<finding> check_redis(const table_options& options, const aws::client& calls) {
    const bool feeds = options.feeders > 0;
    auto server = redis::connect(options.redis, {});
    if (!server)
        return {wrong(server.error(), feeds)};
    // Whoever may do nothing else may do this, or has no password.
    if (const auto answered = (*server)->call({"PING"}); !answered)
        return {wrong(answered.error(), feeds)};
    std::vector<finding> found;
    const std::string name = redis::name_of(options.redis);
    if (const auto info = (*server)->call({"INFO"}))
        add_server(found, name, info->text);
    else
        found.push_back(
            {kind::advice, fmt::format("what it is cannot be asked for: {}", info.error().what)});
    const std::string of = replica_options_of(options, calls).of;
    std::vector<std::string> tables{options.table};
    if (options.containers)
        tables.push_back(options.containers->table);
    for (const std::string& table : tables) {
        const auto seen = redis::look_over(**server, {table, of}, feeds);
        if (!seen) {
            found.push_back(wrong(seen.error(), feeds));
            break;
        }
        add_table(found, table, *seen, feeds);
    }
    return found;
}

} // namespace postern::sync::dynamodb
