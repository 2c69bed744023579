#include "edge/master/roles.hpp"

#include "base/limits.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <atomic>
#include <memory>

namespace postern::edge {
namespace {

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
    options.route_ttl = conf.lifecycle.route_ttl;
    options.history = conf.lifecycle.history;
    options.poll_interval = conf.store.poll;
    options.flush_interval = conf.store.flush;
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

sync::open_store store_of(const settings& conf) {
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
    return sync::run(sync_options_of(conf), store_of(conf),
                     sync::bells{.sync = bells.sync, .workers = bells.workers}, order_fd, time,
                     log);
}

int run_control(const settings& conf, const std::string& token,
                const base::access_keys& access_keys, int listener, const doorbells& bells,
                int order_fd, const base::clock& time, base::log& log) {
    return control::run(control_options_of(conf, token, access_keys), listener, store_of(conf),
                        control::bells{.sync = bells.sync}, order_fd, time, log);
}

} // namespace postern::edge
