// What a replica's database holds beside the store's own tables.
#pragma once

#include "base/ip_endpoint.hpp"
#include "sync/replica/replica.hpp"
#include "sync/store/sqlite/database.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// Opens what prepare_replica has made. Errors: unavailable, also where it is not (or no longer) a
/// replica of options.of.
[[nodiscard]] base::result<std::unique_ptr<sqlite::database>>
open_replica(const replica_options& options);

/// Where the positions stand, in `meta`.
inline constexpr std::string_view session_position = "position_sessions";
inline constexpr std::string_view container_position = "position_containers";

[[nodiscard]] base::result<std::string> read_meta(sqlite::database& db, std::string_view name);
[[nodiscard]] base::result<void> write_meta(sqlite::database& db, std::string_view name,
                                            std::string_view value);

/// What keeps it from being filled, a part of a sentence; empty: nothing that is known of.
[[nodiscard]] base::result<std::string> troubles_of(sqlite::database& db);
/// Whether prepare_replica has made it, of whichever remote table: for whoever may come first.
[[nodiscard]] bool is_made(const replica_options& options);

/// A container's address, and that of the sessions in it. One without an address is as good as
/// none.
[[nodiscard]] base::result<void> set_target(sqlite::database& db, std::string_view container_id,
                                            const base::ip_endpoint& target);

/// Of the keys that `rows` gives, those that `keeps` refuses.
[[nodiscard]] base::result<std::vector<std::string>>
refused_keys(sqlite::query rows, const std::function<bool(std::string_view key)>& keeps);

/// All rows were read once: what the replica says is what the remote table said at some time.
[[nodiscard]] base::result<bool> is_loaded(sqlite::database& db, bool has_containers);

} // namespace postern::sync
