#include "sync/dynamodb/table_setup.hpp"

#include "sync/dynamodb/call_errors.hpp"
#include "sync/store/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace postern::sync::dynamodb {

using aws::aws_error;
using aws::json;
using aws::service;
using aws::string_at;
using base::failure;
using base::result;

namespace {

constexpr std::chrono::milliseconds between_looks{500};
constexpr int looks_max = 240; // two minutes; AWS makes a table in some ten seconds

struct index {
    std::string name, hash, range;
};

/// The platform's own two: active sessions of a client, and sessions to be shut down.
std::array<index, 2> indexes_of(const attribute_map& map) {
    return {{{"GSI1", map[field::client_id], map[field::status]},
             {"GSI2", map[field::status], map[field::last_activity_at]}}};
}

json key_schema(const std::string& hash, const std::string& range) {
    json keys = json::array({{{"AttributeName", hash}, {"KeyType", "HASH"}}});
    if (!range.empty())
        keys.push_back({{"AttributeName", range}, {"KeyType", "RANGE"}});
    return keys;
}

json keys_wanted(const attribute_map& map) {
    return key_schema(map.hash.attribute, map.range ? map.range->attribute : "");
}

/// "PK (hash), SK (range)".
std::string keys_text(const json& keys) {
    std::string out;
    if (keys.is_array())
        for (const json& one : keys)
            out +=
                fmt::format("{}{} ({})", out.empty() ? "" : ", ", string_at(one, "AttributeName"),
                            string_at(one, "KeyType") == "HASH" ? "hash" : "range");
    return out;
}

const json& member(const json& from, const char* name) {
    static const json none;
    const auto at = from.is_object() ? from.find(name) : from.end();
    return from.is_object() && at != from.end() ? *at : none;
}

result<json> describe(aws::client& calls, const std::string& table) {
    auto answer = calls.call(service::dynamodb, "DescribeTable", {{"TableName", table}});
    if (!answer && answer.error().code == aws_error::not_found)
        return failure{store_error::not_found, fmt::format("there is no table {}", table)};
    if (!answer)
        return store_failure(answer.error());
    const json& found = member(*answer, "Table");
    if (!found.is_object())
        return strange_answer("DescribeTable", "it has no Table");
    return found;
}

std::string type_of(const json& table, const std::string& attribute) {
    for (const json& one : member(table, "AttributeDefinitions"))
        if (string_at(one, "AttributeName") == attribute)
            return string_at(one, "AttributeType");
    return {};
}

const json stream_wanted = {{"StreamEnabled", true}, {"StreamViewType", "NEW_AND_OLD_IMAGES"}};

json containers_wanted(const container_map& containers) {
    return {{"TableName", containers.table},
            {"BillingMode", "PAY_PER_REQUEST"},
            {"KeySchema", key_schema(containers.key, "")},
            {"AttributeDefinitions", {{{"AttributeName", containers.key}, {"AttributeType", "S"}}}},
            {"StreamSpecification", stream_wanted}};
}

json sessions_wanted(const table_options& options) {
    const attribute_map& map = options.attributes;
    json attributes = json::array();
    const auto define = [&](const std::string& name) {
        const json one = {{"AttributeName", name}, {"AttributeType", "S"}};
        if (std::find(attributes.begin(), attributes.end(), one) == attributes.end())
            attributes.push_back(one);
    };
    define(map.hash.attribute);
    if (map.range)
        define(map.range->attribute);
    json indexes = json::array();
    for (const index& one : indexes_of(map)) {
        define(one.hash);
        define(one.range);
        indexes.push_back({{"IndexName", one.name},
                           {"KeySchema", key_schema(one.hash, one.range)},
                           {"Projection", {{"ProjectionType", "ALL"}}}});
    }
    // A number sorts as a number.
    if (map.form_of(field::last_activity_at) != time_form::iso)
        for (json& one : attributes)
            if (string_at(one, "AttributeName") == map[field::last_activity_at])
                one["AttributeType"] = "N";
    return {{"TableName", options.table},
            {"BillingMode", "PAY_PER_REQUEST"},
            {"KeySchema", keys_wanted(map)},
            {"AttributeDefinitions", std::move(attributes)},
            {"GlobalSecondaryIndexes", std::move(indexes)},
            {"StreamSpecification", stream_wanted}};
}

json table_wanted(const table_options& options, table_of which) {
    return which == table_of::sessions ? sessions_wanted(options)
                                       : containers_wanted(*options.containers);
}

class checker {
  public:
    explicit checker(std::vector<finding>& into) : into_{into} {}

    void keys(const json& table, const json& wanted, const std::string& name) {
        const json& keys = member(table, "KeySchema");
        if (keys_text(keys) != keys_text(wanted))
            return wrong("table {}: its key is {}; the conf says {}", name, keys_text(keys),
                         keys_text(wanted));
        for (const json& key : wanted)
            if (const std::string attribute = string_at(key, "AttributeName");
                type_of(table, attribute) != "S")
                return wrong("table {}: its key {} is of type {}; S, a string, is needed", name,
                             attribute, type_of(table, attribute));
        right("table {}: key {}", name, keys_text(keys));
    }

    void stream(const json& table, const std::string& name, bool is_needed) {
        const json& said = member(table, "StreamSpecification");
        const std::string view = string_at(said, "StreamViewType");
        const bool is_on = member(said, "StreamEnabled") == json(true);
        const std::string what =
            !is_on ? "it has no stream" : fmt::format("its stream shows {}", view);
        if (is_on && view == "NEW_AND_OLD_IMAGES")
            right("table {}: stream {}", name, view);
        else if (is_on && view == "NEW_IMAGE")
            advise("table {}: {}; NEW_AND_OLD_IMAGES tells more of what is removed", name, what);
        else if (is_needed)
            wrong("table {}: {}; the feed in conf needs one of NEW_AND_OLD_IMAGES (\"feed poll;\" "
                  "does without)",
                  name, what);
        else
            advise("table {}: {}; with one of NEW_AND_OLD_IMAGES, \"feed streams;\" would show "
                   "changes within a second",
                   name, what);
    }

    void indexes(const json& table, const attribute_map& map, const std::string& name) {
        for (const index& one : indexes_of(map)) {
            const json wanted = key_schema(one.hash, one.range);
            bool is_there = false;
            for (const json& said : member(table, "GlobalSecondaryIndexes"))
                is_there = is_there || keys_text(member(said, "KeySchema")) == keys_text(wanted);
            if (is_there)
                right("table {}: an index by {}", name, keys_text(wanted));
            else
                advise("table {}: it has no index by {} ({}); other services of the platform ask "
                       "by it, postern does not",
                       name, keys_text(wanted), one.name);
        }
    }

    void ttl(const json& said, const attribute_map& map, const std::string& name) {
        const std::string status = string_at(said, "TimeToLiveStatus");
        const std::string attribute = string_at(said, "AttributeName");
        const std::string& wanted = map[field::ttl];
        if (status != "ENABLED" && status != "ENABLING")
            advise("table {}: its ttl is off; by the attribute {} DynamoDB would remove records "
                   "whose time is over, for free",
                   name, wanted);
        else if (attribute != wanted)
            wrong("table {}: its ttl goes by {}, and the conf says that ttl is {}", name, attribute,
                  wanted);
        else
            right("table {}: ttl by {}", name, attribute);
    }

    template <class... Args>
    void right(fmt::format_string<Args...> format, Args&&... args) {
        into_.push_back({finding::kind::right, fmt::format(format, std::forward<Args>(args)...)});
    }
    template <class... Args>
    void advise(fmt::format_string<Args...> format, Args&&... args) {
        into_.push_back({finding::kind::advice, fmt::format(format, std::forward<Args>(args)...)});
    }
    template <class... Args>
    void wrong(fmt::format_string<Args...> format, Args&&... args) {
        into_.push_back({finding::kind::wrong, fmt::format(format, std::forward<Args>(args)...)});
    }

  private:
    std::vector<finding>& into_;
};

} // namespace

std::vector<table_of> tables_of(const table_options& options) {
    if (options.containers)
        return {table_of::sessions, table_of::containers};
    return {table_of::sessions};
}

const std::string& name_of(const table_options& options, table_of which) {
    return which == table_of::sessions ? options.table : options.containers->table;
}

result<std::vector<finding>> check_table(aws::client& calls, const table_options& options,
                                         table_of which) {
    const std::string& name = name_of(options, which);
    const auto table = describe(calls, name);
    if (!table)
        return table.error();
    std::vector<finding> found;
    checker check{found};
    check.keys(*table,
               which == table_of::sessions ? keys_wanted(options.attributes)
                                           : key_schema(options.containers->key, ""),
               name);
    const bool follows_others =
        options.feed == table_options::feed_kind::redis && options.feeders == 0;
    check.stream(*table, name, options.feed != table_options::feed_kind::poll && !follows_others);
    if (which == table_of::containers)
        return found;
    check.indexes(*table, options.attributes, name);
    const auto ttl = calls.call(service::dynamodb, "DescribeTimeToLive", {{"TableName", name}});
    if (ttl)
        check.ttl(member(*ttl, "TimeToLiveDescription"), options.attributes, name);
    else
        check.advise("table {}: its ttl cannot be asked for: {}", name, ttl.error().what);
    return found;
}

std::string table_wanted_text(const table_options& options, table_of which) {
    return table_wanted(options, which).dump(2, ' ', false, json::error_handler_t::replace);
}

result<void> make_table(aws::client& calls, const table_options& options, table_of which,
                        aws::pause& waiting) {
    const std::string& name = name_of(options, which);
    const auto made = calls.call(service::dynamodb, "CreateTable", table_wanted(options, which));
    if (!made && made.error().code == aws_error::conflict)
        return failure{store_error::exists, made.error().what};
    if (!made)
        return store_failure(made.error());
    for (int look = 0;; ++look) {
        const auto table = describe(calls, name);
        if (table && string_at(*table, "TableStatus") == "ACTIVE")
            break;
        if (!table && table.error().code != store_error::not_found)
            return table.error();
        if (look == looks_max || !waiting.wait(between_looks, {}))
            return failure{store_error::unavailable,
                           fmt::format("table {} is being made, but is not ready yet; look again "
                                       "with \"postern store check\"",
                                       name)};
    }
    if (which == table_of::containers)
        return {};
    const auto ttl =
        calls.call(service::dynamodb, "UpdateTimeToLive",
                   {{"TableName", name},
                    {"TimeToLiveSpecification",
                     {{"Enabled", true}, {"AttributeName", options.attributes[field::ttl]}}}});
    if (!ttl)
        return store_failure(ttl.error());
    return {};
}

} // namespace postern::sync::dynamodb
