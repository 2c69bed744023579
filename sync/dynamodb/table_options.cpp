#include "sync/dynamodb/table_options.hpp"

#include <fmt/format.h>

namespace postern::sync::dynamodb {

replica_options replica_options_of(const table_options& options, const aws::client& calls) {
    replica_options out;
    out.path = options.replica_path;
    out.of = fmt::format("dynamodb {} {} {}", calls.options().endpoints[0].origin, options.table,
                         options.attributes.text());
    if (const auto& c = options.containers)
        out.of += fmt::format(" {} {} {} {}", c->table, c->key, c->ip, c->port);
    out.name = fmt::format("table {}", options.table);
    out.has_containers = options.containers.has_value();
    out.route_key = options.route_key;
    return out;
}

} // namespace postern::sync::dynamodb
