// From the master's image to a child that has only what its role needs.
#pragma once

#include "base/error.hpp"
#include "edge/master/privileges.hpp"

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace postern::edge {

/// What a child is to be.
struct child_duty {
    std::string title;     // "worker 0", as shown by ps
    std::vector<int> keep; // descriptors it has besides 0, 1 and 2; all others are closed
    std::optional<identity> who;
    bool killed_with_master = false; // else it sees the end of file on its order descriptor
    bool stays_unprivileged = true;  // no_new_privs: what it executes gains nothing either
    std::function<int()> run;        // its exit code
};

/// Forks. In the child: own signals (the master's and the terminal's words do not end it, and
/// programs that it starts get the defaults), foreign descriptors closed, title set, privileges
/// dropped, then `run`; it never returns from here. Errors: fork(2)'s.
[[nodiscard]] base::result<pid_t> fork_child(const child_duty& duty);

} // namespace postern::edge
