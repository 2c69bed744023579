#include "sync/redis/foreign_key.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace postern::sync::redis {

using base::failure;
using base::result;

result<std::string> foreign_key_in(server& redis, const table_keys& keys) {
    std::vector<std::pair<std::string, std::string_view>> wanted{{keys.meta, "hash"},
                                                                 {keys.rows, "hash"},
                                                                 {keys.gone, "hash"},
                                                                 {keys.gone_at, "zset"},
                                                                 {keys.log, "stream"}};
    for (unsigned slot = 1; slot <= slots_max; ++slot)
        wanted.emplace_back(keys.lease(slot), "string");
    for (const auto& [key, type] : wanted) {
        const auto there = redis.call({"TYPE", key});
        if (!there)
            return there.error();
        if (there->text != "none" && there->text != type)
            return fmt::format("the key {} in Redis is of type {}, and a {} is what postern keeps "
                               "there; delete it, or name another database in conf",
                               key, there->text, type);
    }
    return std::string{};
}

failure explained(const failure& why, server& redis, const table_keys& keys) {
    if (why.code != redis_error::refused || why.what.find("WRONGTYPE") == std::string::npos)
        return why;
    const auto found = foreign_key_in(redis, keys);
    return found && !found->empty() ? failure{redis_error::foreign_key, *found} : why;
}

} // namespace postern::sync::redis
