#include "sync/replica/replica_store.hpp"

#include "sync/replica/replica_schema.hpp"
#include "sync/store/sqlite/sqlite_connection.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync {
namespace {

using base::failure;
using base::result;

class replica_store final : public sqlite::sqlite_connection {
  public:
    replica_store(std::unique_ptr<sqlite::database> db, ask_current current, ask_ahead ahead)
        : sqlite_connection{std::move(db)}, current_{std::move(current)}, ahead_{std::move(ahead)} {
    }

    std::int64_t known_as_of_ms(std::int64_t now_ms) const override {
        return std::min(now_ms, current_());
    }

    std::int64_t clock_ahead_ms() const override { return ahead_ ? ahead_() : 0; }

    result<std::string> lags_because() override { return troubles_of(opened()); }
    result<void> add_activity(const std::vector<activity_update>&) override { return not_here(); }
    result<session> insert(const session&) override { return not_here(); }
    result<session> replace(const session&) override { return not_here(); }
    result<void> remove(std::string_view, std::uint64_t) override { return not_here(); }

  private:
    static failure not_here() { return {store_error::invalid, "a replica is written by its feed"}; }

    ask_current current_;
    ask_ahead ahead_;
};

} // namespace

result<std::unique_ptr<store>> open_replica_store(const replica_options& options,
                                                  ask_current current, ask_ahead ahead) {
    if (!is_made(options))
        return failure{store_error::loading,
                       fmt::format("the replica of {} is yet to be made", options.name)};
    auto db = open_replica(options);
    if (!db)
        return db.error();
    const auto loaded = is_loaded(**db, options.has_containers);
    if (!loaded)
        return loaded.error();
    if (!*loaded) {
        const auto troubles = troubles_of(**db);
        if (!troubles)
            return troubles.error();
        return failure{store_error::loading,
                       troubles->empty()
                           ? fmt::format("the first snapshot of {} is being read", options.name)
                           : fmt::format("the first snapshot of {} is still to be read: {}",
                                         options.name, *troubles)};
    }
    return std::unique_ptr<store>{
        std::make_unique<replica_store>(std::move(*db), std::move(current), std::move(ahead))};
}

} // namespace postern::sync
