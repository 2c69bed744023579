// Who the processes run as: root only where a port or a file needs it, `user` for all that touches
// peers' bytes.
#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace postern::edge {

/// A user of this system with all groups.
struct identity {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// Whom the children become: `user` when started as root, nothing (stay as we are) when `user` is
/// empty or we are no root. Errors: invalid_argument with a sentence when there is no such user.
[[nodiscard]] base::result<std::optional<identity>> identity_for(const std::string& user);

/// This process becomes `who` for ever. Errors: the system's; the process must then end.
[[nodiscard]] base::result<void> become(const identity& who);

/// For as long as it lives, files are made and opened as `who` (nobody: as we are). Only for a
/// process with one thread.
class acting_as {
  public:
    explicit acting_as(const std::optional<identity>& who);
    acting_as(const acting_as&) = delete;
    acting_as& operator=(const acting_as&) = delete;
    ~acting_as();

  private:
    bool changed_ = false;
    std::vector<gid_t> groups_before_;
};

} // namespace postern::edge
