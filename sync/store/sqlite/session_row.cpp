#include "sync/store/sqlite/session_row.hpp"

#include "sync/store/session_defect.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::sqlite {
namespace {

constexpr std::size_t quoted_bytes_max = 64; // of a bad value in a message

std::string quoted(std::string_view value) {
    return fmt::format("\"{}\"{}", value.substr(0, quoted_bytes_max),
                       value.size() > quoted_bytes_max ? "..." : "");
}

std::uint64_t count_of(std::int64_t value) noexcept {
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::string target_text(const session& record) {
    return record.target.address.is_none() ? std::string{} : record.target.text();
}

} // namespace

query bound(query statement, const session& record) {
    return std::move(statement).bind(
        record.session_id, record.client_id, record.user_id, record.thread_id, record.route_key,
        name_of(record.status), record.task, target_text(record), record.instruction, record.reason,
        record.branch, record.last_commit, std::int64_t{record.is_dirty}, record.created_at_ms,
        record.started_at_ms, record.last_activity_at_ms, record.ttl_ms, record.request_count,
        record.bytes_transferred, std::int64_t{record.access_generation});
}

stored_session session_of_row(const query& row, int first) {
    stored_session read;
    session& one = read.record;
    // A blob is equal to no text: such a row could be read, but neither found nor changed. Asked
    // before anything is read as text, which may convert it.
    if (row.is_blob(first) || row.is_blob(first + 4))
        read.defect = "its session_id or route_key is a blob, not a text";
    int at = first;
    const auto take = [&](std::string& into) { into = row.text(at++); };
    take(one.session_id);
    take(one.client_id);
    take(one.user_id);
    take(one.thread_id);
    take(one.route_key);
    const std::string_view status = row.text(at++);
    if (const auto known = session_status_named(status))
        one.status = *known;
    else
        read.defect = fmt::format("its status is {}; initializing, active, draining, inactive and "
                                  "failed are known",
                                  quoted(status));
    take(one.task);
    const std::string_view target = row.text(at++);
    if (!target.empty()) {
        if (const auto parsed = base::ip_endpoint::parse(target))
            one.target = *parsed;
        else
            read.defect = fmt::format("its target is {}; an address with a port is needed, such as "
                                      "127.0.0.1:4321 or [fd00::7]:4321",
                                      quoted(target));
    }
    take(one.instruction);
    take(one.reason);
    take(one.branch);
    take(one.last_commit);
    one.is_dirty = row.integer(at++) != 0;
    one.created_at_ms = possible_time(row.integer(at++));
    one.started_at_ms = possible_time(row.integer(at++));
    one.last_activity_at_ms = possible_time(row.integer(at++));
    one.ttl_ms = possible_time(row.integer(at++));
    one.request_count = count_of(row.integer(at++));
    one.bytes_transferred = count_of(row.integer(at++));
    one.version = count_of(row.integer(at++));
    one.access_generation = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(row.integer(at++), 0, std::int64_t{0xffff'ffff}));
    if (read.defect.empty())
        read.defect = defect_of(one);
    return read;
}

} // namespace postern::sync::sqlite
