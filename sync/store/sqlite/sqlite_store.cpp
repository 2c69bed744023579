#include "sync/store/sqlite/sqlite_store.hpp"

#include "sync/store/sqlite/schema.hpp"
#include "sync/store/sqlite/sqlite_connection.hpp"

#include <fmt/format.h>

namespace postern::sync {

base::result<std::unique_ptr<store>> open_sqlite_store(const sqlite_options& options) {
    auto opened = sqlite::database::open(options.path, options.create);
    if (!opened)
        return opened.error();
    if (auto prepared = sqlite::prepare_schema(**opened, options.busy_timeout); !prepared)
        return prepared.error();
    return std::unique_ptr<store>{std::make_unique<sqlite::sqlite_connection>(std::move(*opened))};
}

} // namespace postern::sync
