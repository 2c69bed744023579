#include "edge/master/roles.hpp"

#include "base/limits.hpp"
#include "sync/dynamodb/dynamodb_table.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

namespace postern::edge {
namespace {

using sync::dynamodb::time_form;

control::process_launcher_options process_launcher_of(const launcher_settings& conf) {
    control::process_launcher_options options;
    options.command = conf.command;
    options.directory = conf.directory;
    options.environment = conf.environment;
    options.output_directory = conf.output_directory;
    options.port_first = conf.port_first;
    options.port_last = conf.port_last;
    options.ready.how =
        conf.probe_http ? control::probe_options::kind::http : control::probe_options::kind::tcp;
    options.ready.path = conf.probe_path;
    options.ready.within = conf.ready_within;
    options.stop_signal = conf.stop_signal;
    options.stop_within = conf.stop_within;
    options.restarts_max = conf.restarts_max;
    options.restart_window = conf.restart_window;
    return options;
}

} // namespace

sync::options sync_options_of(const settings& conf) {
    sync::options options;
    options.table_path = conf.table_path;
    options.table_capacity = conf.table_capacity;
    options.route_key = conf.route_key;
    for (const server_settings& server : conf.servers)
        for (const location_settings& location : server.locations)
            for (const auto& piece : location.route_key.pieces())
                if (!piece.is_name)
                    options.key_literals += piece.text;
    options.route_ttl = conf.lifecycle.route_ttl;
    options.history = conf.lifecycle.history;
    options.poll_interval = conf.store.poll;
    options.flush_interval = conf.store.flush;
    // A session in use must not look idle because its activity is on its way.
    const bool has_idle = conf.lifecycle.idle_timeout.count() > 0;
    options.flush_interval_max = has_idle ? conf.lifecycle.idle_timeout / 3 : std::chrono::hours{1};
    const auto& look = conf.store.dynamodb.look_through;
    options.look_through = {
        .per_second = std::max<std::uint64_t>(
            look.reads.units * 1'000 / static_cast<std::uint64_t>(look.reads.period.count()), 1),
        .burst = look.reads.burst,
        .calls = look.calls,
        .patience = look.within};
    return options;
}

control::options control_options_of(const settings& conf, const std::string& token,
                                    const base::access_keys& access_keys) {
    control::options options;
    options.listen = conf.control.listen;
    options.token = token;
    options.access_keys = access_keys;
    options.table_path = conf.table_path;
    options.route_key = conf.route_key;
    // One that cannot be read was refused by the settings loader.
    if (auto preview = base::text_template::parse(conf.control.preview_url))
        options.preview_url = std::move(*preview);
    options.connections_max = conf.control.connections_max;
    options.body_bytes_max = conf.control.body_bytes_max;
    options.idle_timeout = conf.lifecycle.idle_timeout;
    options.route_ttl = conf.lifecycle.route_ttl;
    options.history = conf.lifecycle.history;
    options.table_stale_after = conf.table_stale_after;
    options.sessions_max = conf.lifecycle.sessions_max;
    options.has_launcher = conf.lifecycle.launcher.has_value();
    if (conf.lifecycle.launcher)
        options.process = process_launcher_of(*conf.lifecycle.launcher);
    return options;
}

sync::dynamodb::table_options dynamodb_options_of(const settings& conf) {
    namespace dynamodb = sync::dynamodb;
    const dynamodb_settings& said = conf.store.dynamodb;
    dynamodb::table_options out;
    out.table = said.table;
    out.account.region = said.region;
    out.account.profile = said.profile;
    out.account.endpoint = said.endpoint;
    out.account.streams_endpoint = said.streams_endpoint;
    dynamodb::attribute_map& map = out.attributes;
    // What cannot be read was refused by the settings loader.
    for (const auto& key : said.keys)
        if (auto made = dynamodb::key_part::parse(key.attribute, key.value)) {
            if (&key == &said.keys.front())
                map.hash = std::move(*made);
            else
                map.range = std::move(*made);
        }
    for (const auto& one : said.maps)
        if (const auto field = dynamodb::field_named(one.field)) {
            map.names[static_cast<std::size_t>(*field)] = one.attribute;
            map.forms[static_cast<std::size_t>(*field)] =
                one.form == "milliseconds"                                ? time_form::milliseconds
                : one.form == "seconds" || *field == dynamodb::field::ttl ? time_form::seconds
                                                                          : time_form::iso;
        }
    map.port = said.port;
    if (const auto& containers = said.containers) {
        map.has_containers = true;
        out.containers = {containers->table, containers->key, containers->ip, containers->port,
                          said.port};
    }
    out.route_key = conf.route_key;
    out.replica_path = conf.table_path + ".replica";
    out.feed = said.feed_polls ? dynamodb::table_options::feed_kind::poll
                               : dynamodb::table_options::feed_kind::streams;
    out.poll_interval = said.poll_interval;
    if (conf.store.looks_through()) {
        out.id_in_key = said.look_through.session_id;
        out.look_timeout = said.look_through.within;
    }
    if (const auto& redis = said.redis) {
        out.feed = dynamodb::table_options::feed_kind::redis;
        out.feeders = redis->feeders;
        out.redis.host = redis->host;
        out.redis.port = redis->port;
        out.redis.socket_path = redis->socket_path;
        out.redis.is_tls = redis->is_tls;
        out.redis.ca_file = redis->ca_file;
        out.redis.database = redis->database;
        out.redis.user = redis->user;
        out.redis.password = redis->password;
        out.redis.password_file = redis->password_file;
    }
    return out;
}

sync::open_remote remote_of(const settings& conf) {
    if (conf.store.which != store_settings::kind::dynamodb)
        return {};
    return [options = dynamodb_options_of(conf)](const base::clock& time, base::log& log) {
        return sync::dynamodb::open_dynamodb_table(options, time, log);
    };
}

sync::open_store store_of(const settings& conf, const base::clock& time, base::log& log,
                          sync::dynamodb::lists from, std::function<sync::remote_usage()>* usage) {
    if (conf.store.which == store_settings::kind::dynamodb) {
        auto options = dynamodb_options_of(conf);
        options.account.client.call_timeout = conf.store.dynamodb.call_timeout;
        options.account.client.attempt_timeout =
            std::min(options.account.client.attempt_timeout, conf.store.dynamodb.call_timeout);
        const auto table = sync::dynamodb::share_table(std::move(options), from, time, log);
        if (usage != nullptr)
            *usage = [table] { return sync::dynamodb::usage_of(*table); };
        return [table] { return sync::dynamodb::open_dynamodb_store(table); };
    }
    sync::sqlite_options options;
    options.path = conf.store.path;
    // Made when a process starts. One that goes missing later is waited for: an empty one in its
    // place would be a store without sessions, and every route would go.
    const auto opened = std::make_shared<std::atomic<bool>>(false);
    return [options, opened]() mutable {
        options.create = !opened->load();
        auto store = sync::open_sqlite_store(options);
        if (store)
            opened->store(true);
        return store;
    };
}

base::result<doorbells> doorbells::make() {
    doorbells bells;
    auto sync = base::doorbell::make();
    if (!sync)
        return sync.error();
    bells.sync = std::move(*sync);
    auto asked = base::doorbell::make();
    if (!asked)
        return asked.error();
    bells.asked = std::move(*asked);
    for (std::size_t slot = 0; slot < base::limits::worker_slots; ++slot) {
        auto worker = base::doorbell::make();
        if (!worker)
            return worker.error();
        bells.workers.push_back(std::move(*worker));
    }
    return bells;
}

int run_sync(const settings& conf, const doorbells& bells, int order_fd, const base::clock& time,
             base::log& log) {
    const sync::options options = sync_options_of(conf);
    const sync::bells rings{.sync = bells.sync, .workers = bells.workers, .asked = &bells.asked};
    if (const sync::open_remote remote = remote_of(conf))
        return sync::run(options, remote, rings, order_fd, time, log);
    return sync::run(options, store_of(conf, time, log), rings, order_fd, time, log);
}

int run_control(const settings& conf, const std::string& token,
                const base::access_keys& access_keys, int listener, const doorbells& bells,
                int order_fd, const base::clock& time, base::log& log) {
    control::options options = control_options_of(conf, token, access_keys);
    const sync::open_store open =
        store_of(conf, time, log, sync::dynamodb::lists::of_replica, &options.store_usage);
    return control::run(options, listener, open, control::bells{.sync = bells.sync}, order_fd, time,
                        log);
}

} // namespace postern::edge
