#include "sync/store/session_defect.hpp"

#include "base/limits.hpp"
#include "base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace postern::sync {

std::string defect_of(const session& record) {
    using namespace base::limits;
    if (record.session_id.empty())
        return "its session_id is empty";
    if (record.session_id.size() > session_id_bytes_max)
        return fmt::format("its session_id has {} bytes, at most {} are allowed",
                           record.session_id.size(), session_id_bytes_max);
    // The id is sent as a header, x-session-id.
    if (base::has_control_bytes(record.session_id))
        return "its session_id holds control characters";
    if (record.route_key.size() > route_key_bytes_max)
        return fmt::format("its route_key has {} bytes, at most {} are allowed",
                           record.route_key.size(), route_key_bytes_max);
    for (const std::string* text :
         {&record.session_id, &record.client_id, &record.user_id, &record.thread_id,
          &record.route_key, &record.task, &record.instruction, &record.reason, &record.branch,
          &record.last_commit})
        if (!base::is_utf8(*text))
            return "one of its texts is not UTF-8";
    return {};
}

std::int64_t possible_time(std::int64_t ms) noexcept {
    return std::clamp<std::int64_t>(ms, 0, 253'402'300'799'999);
}

} // namespace postern::sync
