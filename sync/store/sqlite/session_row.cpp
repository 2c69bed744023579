#include "sync/store/sqlite/session_row.hpp"

#include "base/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace postern::sync::sqlite {
namespace {

constexpr std::size_t quoted_bytes_max = 64; // of a bad value in a message

/// RFC 3629: shortest form, no surrogates, up to U+10FFFF.
bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) -> unsigned {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned lead = byte(i);
        std::size_t length = 1;
        unsigned low = 0x80, high = 0xbf; // bounds of the second byte
        if (lead >= 0x80) {
            if (lead >= 0xc2 && lead <= 0xdf)
                length = 2;
            else if (lead >= 0xe0 && lead <= 0xef)
                length = 3;
            else if (lead >= 0xf0 && lead <= 0xf4)
                length = 4;
            else
                return false;
            if (lead == 0xe0)
                low = 0xa0;
            if (lead == 0xed)
                high = 0x9f;
            if (lead == 0xf0)
                low = 0x90;
            if (lead == 0xf4)
                high = 0x8f;
            if (byte(i + 1) < low || byte(i + 1) > high)
                return false;
            for (std::size_t k = 2; k < length; ++k)
                if (byte(i + k) < 0x80 || byte(i + k) > 0xbf)
                    return false;
        }
        i += length;
    }
    return true;
}

bool has_control_bytes(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

std::string quoted(std::string_view value) {
    return fmt::format("\"{}\"{}", value.substr(0, quoted_bytes_max),
                       value.size() > quoted_bytes_max ? "..." : "");
}

/// Years 1970 to 9999: sums of two times, and what shows them, need no further care.
std::int64_t time_of(std::int64_t value) noexcept {
    return std::clamp<std::int64_t>(value, 0, 253'402'300'799'999);
}

std::uint64_t count_of(std::int64_t value) noexcept {
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

} // namespace

std::string defect_of(const session& record) {
    using namespace base::limits;
    if (record.session_id.empty())
        return "its session_id is empty";
    if (record.session_id.size() > session_id_bytes_max)
        return fmt::format("its session_id has {} bytes, at most {} are allowed",
                           record.session_id.size(), session_id_bytes_max);
    // The id is sent as a header, x-session-id.
    if (has_control_bytes(record.session_id))
        return "its session_id holds control characters";
    if (record.route_key.size() > route_key_bytes_max)
        return fmt::format("its route_key has {} bytes, at most {} are allowed",
                           record.route_key.size(), route_key_bytes_max);
    for (const std::string* text :
         {&record.session_id, &record.client_id, &record.user_id, &record.thread_id,
          &record.route_key, &record.task, &record.instruction, &record.reason, &record.branch,
          &record.last_commit})
        if (!is_utf8(*text))
            return "one of its texts is not UTF-8";
    return {};
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
    one.created_at_ms = time_of(row.integer(at++));
    one.started_at_ms = time_of(row.integer(at++));
    one.last_activity_at_ms = time_of(row.integer(at++));
    one.ttl_ms = time_of(row.integer(at++));
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
