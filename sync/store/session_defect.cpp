#include "sync/store/session_defect.hpp"

#include "base/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace postern::sync {
namespace {

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

std::int64_t possible_time(std::int64_t ms) noexcept {
    return std::clamp<std::int64_t>(ms, 0, 253'402'300'799'999);
}

} // namespace postern::sync
