// Drives the store of a conf from a process test: one JSON object a line in, one a line out. The
// first line is the conf's path; each one after it is a thing to do:
//   {"do": "get" | "remove", "id": ..., "version": ...}      {"do": "insert" | "replace", "record":
//   {...}}
//   {"do": "activity", "updates": [{"id", "at_ms", "ttl_ms", "tried_at_ms", "requests",
//   "bytes"}...]}
//   {"do": "list" | "try_write"}      {"do": "of_client", "client"}     {"do": "of_key", "key"}
//   {"do": "describe"}  {"do": "children", "arn", "shard"}  {"do": "scan", "segment", "segments",
//   "from", "limit"}
//   {"do": "iterator", "arn", "shard", "where": 0 | 1 | 2, "sequence"}  {"do": "records",
//   "iterator", "limit"}
// The last two lines are of a table in DynamoDB. "connection": N takes another store of the same
// table, so that two writers meet.
#include "edge/master/roles.hpp"
#include "edge/settings/settings_loader.hpp"
#include "sync/dynamodb/dynamodb_source.hpp"
#include "sync/dynamodb/dynamodb_table.hpp"

#include <iostream>
#include <map>
#include <optional>
#include <unistd.h>

namespace {

using namespace postern;
using sync::session;
using sync::aws::json;

json json_of(const session& s) {
    return {{"sessionId", s.session_id},
            {"clientId", s.client_id},
            {"userId", s.user_id},
            {"threadId", s.thread_id},
            {"routeKey", s.route_key},
            {"status", name_of(s.status)},
            {"task", s.task},
            {"target", s.target.address.is_none() ? "" : s.target.text()},
            {"instruction", s.instruction},
            {"reason", s.reason},
            {"branch", s.branch},
            {"lastCommit", s.last_commit},
            {"isDirty", s.is_dirty},
            {"createdAt", s.created_at_ms},
            {"startedAt", s.started_at_ms},
            {"lastActivityAt", s.last_activity_at_ms},
            {"ttl", s.ttl_ms},
            {"requestCount", s.request_count},
            {"bytesTransferred", s.bytes_transferred},
            {"accessGeneration", s.access_generation},
            {"version", s.version}};
}

session session_of(const json& j) {
    session s;
    s.session_id = j.value("sessionId", "");
    s.client_id = j.value("clientId", "");
    s.user_id = j.value("userId", "");
    s.thread_id = j.value("threadId", "");
    s.route_key = j.value("routeKey", "");
    s.status = sync::session_status_named(j.value("status", "active")).value();
    s.task = j.value("task", "");
    s.target = base::ip_endpoint::parse(j.value("target", "")).value_or(base::ip_endpoint{});
    s.instruction = j.value("instruction", "");
    s.reason = j.value("reason", "");
    s.branch = j.value("branch", "");
    s.last_commit = j.value("lastCommit", "");
    s.is_dirty = j.value("isDirty", false);
    s.created_at_ms = j.value("createdAt", std::int64_t{0});
    s.started_at_ms = j.value("startedAt", std::int64_t{0});
    s.last_activity_at_ms = j.value("lastActivityAt", std::int64_t{0});
    s.ttl_ms = j.value("ttl", std::int64_t{0});
    s.request_count = j.value("requestCount", std::uint64_t{0});
    s.bytes_transferred = j.value("bytesTransferred", std::uint64_t{0});
    s.access_generation = j.value("accessGeneration", 0U);
    s.version = j.value("version", std::uint64_t{0});
    return s;
}

json error_json(const base::failure& e) {
    return {{"error", e.code.message()}, {"what", e.what}};
}
json json_of(const base::result<session>& r) {
    return r ? json{{"ok", json_of(*r)}} : error_json(r.error());
}
json json_of(const base::result<void>& r) {
    return r ? json{{"ok", true}} : error_json(r.error());
}
json json_of(const base::result<std::vector<session>>& r) {
    if (!r)
        return error_json(r.error());
    json all = json::array();
    for (const session& s : *r)
        all.push_back(json_of(s));
    return {{"ok", all}};
}
json json_of(const sync::row_change& c) {
    json out{{"key", c.key}, {"version", c.version}, {"now", nullptr}};
    if (!c.now)
        return out;
    if (const auto* const row = std::get_if<sync::session_row>(&*c.now))
        out["now"] = {{"record", json_of(row->read.record)},
                      {"defect", row->read.defect},
                      {"containerId", row->container_id}};
    return out;
}
json json_of(const base::result<sync::stream_description>& r) {
    if (!r)
        return error_json(r.error());
    json shards = json::array();
    for (const auto& s : r->shards)
        shards.push_back({{"id", s.id}, {"parent", s.parent}, {"closed", s.is_closed}});
    return {{"ok", {{"arn", r->arn}, {"enabled", r->is_enabled}, {"shards", shards}}}};
}

std::vector<sync::activity_update> updates_of(const json& order) {
    std::vector<sync::activity_update> updates;
    for (const json& u : order.at("updates"))
        updates.push_back(
            {u.at("id"), u.value("at_ms", std::int64_t{0}), u.value("ttl_ms", std::int64_t{0}),
             u.value("requests", std::uint64_t{0}), u.value("bytes", std::uint64_t{0}),
             u.value("tried_at_ms", std::int64_t{0})});
    return updates;
}

json on_store(sync::store& store, const std::string& what, const json& order) {
    if (what == "get")
        return json_of(store.get(order.at("id").get<std::string>()));
    if (what == "insert")
        return json_of(store.insert(session_of(order.at("record"))));
    if (what == "replace")
        return json_of(store.replace(session_of(order.at("record"))));
    if (what == "remove")
        return json_of(store.remove(order.at("id").get<std::string>(),
                                    order.value("version", std::uint64_t{0})));
    if (what == "activity")
        return json_of(store.add_activity(updates_of(order)));
    if (what == "list")
        return json_of(store.list({}, 1'000'000, ""));
    if (what == "of_client")
        return json_of(store.list_by_client(order.at("client").get<std::string>()));
    if (what == "of_key")
        return json_of(store.list_by_route_key(order.at("key").get<std::string>()));
    return json_of(store.try_write());
}

json on_source(sync::stream_source& source, const std::string& what, const json& order) {
    const auto text = [&](const char* name) { return order.value(name, ""); };
    if (what == "describe")
        return json_of(source.describe());
    if (what == "children")
        return json_of(source.describe_children(text("arn"), text("shard")));
    if (what == "iterator") {
        const auto got = source.iterator(text("arn"), text("shard"),
                                         static_cast<sync::iterator_at>(order.value("where", 0)),
                                         text("sequence"));
        return got ? json{{"ok", *got}} : error_json(got.error());
    }
    json rows = json::array();
    std::string next;
    if (what == "records") {
        const auto page = source.records(text("iterator"), order.value("limit", std::size_t{1000}));
        if (!page)
            return error_json(page.error());
        for (const auto& r : page->records)
            rows.push_back({{"sequence", r.sequence}, {"change", json_of(r.change)}});
        next = page->next;
    } else {
        const auto page = source.scan(order.value("segment", std::size_t{0}),
                                      order.value("segments", std::size_t{1}), text("from"),
                                      order.value("limit", std::size_t{1000}));
        if (!page)
            return error_json(page.error());
        for (const auto& r : page->rows)
            rows.push_back(json_of(r));
        next = page->next;
    }
    return {{"ok", {{"rows", rows}, {"next", next}}}};
}

struct table_elsewhere {
    table_elsewhere(const edge::settings& conf, const base::clock& time, base::log& log)
        : options{edge::dynamodb_options_of(conf)}, account{sync::aws::account::open(
                                                                options.account,
                                                                sync::aws::process_environment(),
                                                                time, log)
                                                                .value()},
          table{edge::remote_of(conf)(time, log).value()} {}

    sync::dynamodb::table_options options;
    std::unique_ptr<sync::aws::account> account;
    std::unique_ptr<sync::remote_table> table;
    sync::dynamodb::dynamodb_source source{
        account->calls(), options.table, sync::dynamodb::session_form(options.attributes), {}};
};

} // namespace

int main() {
    std::string line;
    if (!std::getline(std::cin, line))
        return 2;
    const auto conf = edge::load_settings(line);
    if (!conf) {
        std::cerr << conf.error().text() << "\n";
        return 78;
    }
    const base::system_clock time;
    base::log log{STDERR_FILENO, base::log_level::info, "store_call", time};
    const auto open = edge::store_of(*conf, time, log, sync::dynamodb::lists::of_table);
    std::optional<table_elsewhere> elsewhere;
    if (edge::remote_of(*conf))
        elsewhere.emplace(*conf, time, log);
    std::map<int, std::unique_ptr<sync::store>> stores;

    while (std::getline(std::cin, line)) {
        const json order = json::parse(line);
        const std::string what = order.at("do");
        json answer;
        if (what == "activity" && elsewhere) {
            std::vector<std::size_t> failed;
            answer = json_of(elsewhere->table->add_activity(updates_of(order), failed, {}));
            answer["failed"] = failed;
        } else if (what == "describe" || what == "children" || what == "iterator" ||
                   what == "records" || what == "scan") {
            answer = on_source(elsewhere.value().source, what, order);
        } else {
            auto& store = stores[order.value("connection", 0)];
            if (!store)
                store = open().value();
            answer = on_store(*store, what, order);
        }
        std::cout << answer.dump() << std::endl;
    }
}
