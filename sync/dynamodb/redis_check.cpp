// What "postern store check" says of the Redis server that a fleet is fed through.
#include "sync/dynamodb/table_setup.hpp"
#include "sync/redis/connection.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::sync::dynamodb {
namespace {

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

} // namespace

std::vector<finding> check_redis(const redis::server_options& options) {
    using kind = finding::kind;
    auto server = redis::connect(options, {});
    if (!server)
        return {{kind::wrong, server.error().text()}};
    const std::string name = redis::name_of(options);
    const auto info = (*server)->call({"INFO"});
    if (!info)
        return {
            {kind::advice, fmt::format("what it is cannot be asked for: {}", info.error().text())}};
    const std::string_view version = value_in(info->text, "redis_version");
    const std::string_view policy = value_in(info->text, "maxmemory_policy");
    std::vector<finding> found;
    if (major_of(version) < 5)
        found.push_back({kind::wrong, fmt::format("{} is of version {}; 5 or later has what is "
                                                  "needed",
                                                  name, version)});
    else
        found.push_back({kind::right, fmt::format("{} is of version {}", name, version)});
    if (value_in(info->text, "role") == "slave")
        found.push_back({kind::wrong, fmt::format("{} is a replica; leases and changes are written "
                                                  "to the primary",
                                                  name)});
    if (!policy.empty() && policy != "noeviction")
        found.push_back({kind::advice, fmt::format("{} has maxmemory-policy {}; with noeviction it "
                                                   "never throws away part of the table, which is "
                                                   "then read anew",
                                                   name, policy)});
    return found;
}

} // namespace postern::sync::dynamodb
