// What each role is run with: the settings translated into its own options. Only here (and in
// edge/cli/sessions) the edge knows sync/ and control/ by name.
#pragma once

#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "control/control_worker.hpp"
#include "edge/settings/settings.hpp"
#include "edge/worker/worker.hpp"
#include "sync/dynamodb/dynamodb_store.hpp"
#include "sync/remote_table.hpp"
#include "sync/sync_worker.hpp"

#include <functional>
#include <string>
#include <vector>

namespace postern::edge {

[[nodiscard]] sync::options sync_options_of(const settings& conf);
[[nodiscard]] control::options control_options_of(const settings& conf, const std::string& token,
                                                  const base::access_keys& access_keys = {});
/// What the conf says of a store in DynamoDB.
[[nodiscard]] sync::dynamodb::table_options dynamodb_options_of(const settings& conf);
/// The remote table that sync follows; empty where the store is on this host.
[[nodiscard]] sync::open_remote remote_of(const settings& conf);
/// Opens the store that the conf names. `time` and `log` outlive what it opens. `usage` becomes
/// what tells of the calls to a store elsewhere.
[[nodiscard]] sync::open_store
store_of(const settings& conf, const base::clock& time, base::log& log,
         sync::dynamodb::lists from = sync::dynamodb::lists::of_replica,
         std::function<sync::remote_usage()>* usage = nullptr);

/// The bells that the processes ring each other with, made before any fork.
struct doorbells {
    base::doorbell sync;
    base::doorbell asked;                // sync's as well: workers ask for keys
    std::vector<base::doorbell> workers; // by process slot
    /// Errors: EMFILE, ENFILE, ENOMEM.
    [[nodiscard]] static base::result<doorbells> make();
};

/// Each runs its role in the calling process and returns the exit code.
[[nodiscard]] int run_sync(const settings& conf, const doorbells& bells, int order_fd,
                           const base::clock& time, base::log& log);
[[nodiscard]] int run_control(const settings& conf, const std::string& token,
                              const base::access_keys& access_keys, int listener,
                              const doorbells& bells, int order_fd, const base::clock& time,
                              base::log& log);

} // namespace postern::edge
