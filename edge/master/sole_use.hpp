// What a postern has for itself: its session table, and the right to start processes for the
// sessions of a store on this host. The master holds FILE.lock beside each for its life, so that a
// second postern is refused before any role of it runs.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "edge/master/privileges.hpp"
#include "edge/settings/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace postern::edge {

/// The lock of `path` is a file beside it: the file itself may be made anew while postern runs.
[[nodiscard]] std::string lock_of(const std::string& path);

/// The SQLite file that only one postern may launch for: control adopts what runs by the records in
/// it, and ends that when it stops. Symbolic links are followed. Empty without a launcher, and for
/// a store elsewhere, which has no place for a lock on this host.
[[nodiscard]] std::string launched_for(const settings& conf);

/// Locks are shared: a generation keeps those of the one before where the files are the same.
struct sole_use {
    std::shared_ptr<const base::unique_fd> table;
    std::shared_ptr<const base::unique_fd> store; // null where nothing is launched
    std::string store_path;                       // what `store` is the lock of

    /// The locks that `conf` needs, their files made as `who`. `running`: those of the generation
    /// that runs, if one does; the table's does not change. `again`: whether to try again, asked
    /// after each vain attempt; nothing: no. Errors: device_or_resource_busy with a sentence that
    /// names the file, its holder and what would be right; the system's.
    [[nodiscard]] static base::result<sole_use> of(const settings& conf, const sole_use* running,
                                                   const std::optional<identity>& who,
                                                   const std::function<bool()>& again);
};

} // namespace postern::edge
