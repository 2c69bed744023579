// What feeds carry: rows of a remote table, already read from its own format. A feed looks at their
// keys only.
#pragma once

#include "base/ip_endpoint.hpp"
#include "sync/store/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace postern::sync {

struct session_row {
    stored_session read; // its version is the remote one: 0 where no writer counts
    /// Where the session's target is found, when its item names a container instead; else empty.
    std::string container_id;
};

struct container_row {
    std::string container_id;
    base::ip_endpoint target; // none: it has no address yet
};

using row = std::variant<session_row, container_row>;

struct row_change {
    std::string key;        // of the item in its table, as one text
    std::optional<row> now; // nothing: removed
};

} // namespace postern::sync
