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
    stored_session read;
    /// Where the session's target is found, when its item names a container instead; else empty.
    std::string container_id;
};

struct container_row {
    std::string container_id;
    base::ip_endpoint target; // none: it has no address yet
    std::string defect;       // why it cannot be used, a sentence; empty: it can
};

using any_row = std::variant<session_row, container_row>;

struct row_change {
    std::string key;            // of the item in its table, as one text
    std::optional<any_row> now; // nothing: removed
    /// Of `now`, or of what was removed; grows with the item where its writers count (an attribute
    /// of the item), 0 where they do not.
    std::uint64_t version = 0;
    /// Of a row that was read from the table: not before this time (wall clock, epoch ms). 0: of a
    /// record of the stream, which comes in its place.
    std::int64_t read_from_ms = 0;
    /// Of the stream's record that brought it, a decimal number; empty: a page of the table did.
    std::string sequence = {};
};

[[nodiscard]] inline bool has_defect(const row_change& one) {
    if (!one.now)
        return false;
    const auto* session = std::get_if<session_row>(&*one.now);
    return !(session != nullptr ? session->read.defect : std::get<container_row>(*one.now).defect)
                .empty();
}

} // namespace postern::sync
