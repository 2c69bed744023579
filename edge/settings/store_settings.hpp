// Where sessions are kept for good, as conf says it.
#pragma once

#include "edge/settings/limits_settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::edge {

/// What `map` can give another attribute. Sync knows the same names (sync/dynamodb/attribute_map);
/// a test compares them.
inline constexpr std::string_view mapped_fields[] = {
    "sessionId", "clientId",         "userId", "threadId",     "status",
    "taskArn",   "containerIp",      "port",   "containerId",  "startedAt",
    "createdAt", "lastActivityAt",   "ttl",    "branch",       "lastCommit",
    "isDirty",   "instruction",      "reason", "requestCount", "bytesTransferred",
    "version",   "accessGeneration",
};

struct redis_settings {
    std::string host; // empty: socket_path
    std::uint16_t port = 6379;
    std::string socket_path;
    bool is_tls = false;
    std::string ca_file;
    unsigned database = 0;
    std::string user, password, password_file;
    unsigned feeders = 2; // hosts that may read the table's stream at one time
};

struct dynamodb_settings {
    struct key {
        std::string attribute;
        std::string value; // "SESSION#{sessionId}"
    };
    struct mapping {
        std::string field;
        std::string attribute;
        std::string form; // of a time: iso, seconds, milliseconds; or empty
    };
    struct containers_table {
        std::string table;
        std::string key = "containerId", ip = "containerIp", port = "port";
    };

    std::string table;
    std::string region, profile, endpoint, streams_endpoint; // empty: as AWS's tools find them
    std::vector<key> keys;                                   // hash, range; empty: sessionId
    std::vector<mapping> maps;
    std::uint16_t port = 4321; // of targets whose item says none
    std::optional<containers_table> containers;
    bool feed_polls = false;
    std::optional<redis_settings> redis; // the feed, where there is one
    milliseconds poll_interval{30'000};
    milliseconds call_timeout{5'000};
};

struct store_settings {
    enum class kind { sqlite, dynamodb } which = kind::sqlite;
    std::string path; // sqlite
    dynamodb_settings dynamodb;
    milliseconds flush{5'000}; // activity written back, coalesced
    milliseconds poll{250};
    std::string source;
};

} // namespace postern::edge
