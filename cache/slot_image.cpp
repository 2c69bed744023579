#include "cache/slot_image.hpp"

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "cache/hash.hpp"

#include <algorithm>
#include <cstring>

namespace postern::cache {
namespace {

// Word numbers of `slot`.
constexpr std::size_t at_version = offsetof(slot, version) / 8;
constexpr std::size_t at_birth = offsetof(slot, birth) / 8;
constexpr std::size_t at_shape = offsetof(slot, shape) / 8;
constexpr std::size_t at_address = offsetof(slot, address) / 8;
constexpr std::size_t at_resume = offsetof(slot, resume_until_ms) / 8;
constexpr std::size_t at_expires = offsetof(slot, expires_at_ms) / 8;
constexpr std::size_t at_access = offsetof(slot, access) / 8;
static_assert(at_version == 1 && at_birth == 2);

std::uint64_t seconds_of(std::int64_t epoch_ms) {
    return static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(epoch_ms / 1000, 0, std::int64_t{0xffffffff}));
}

} // namespace

std::string_view slot_image::key() const noexcept {
    return {reinterpret_cast<const char*>(words + slot_fixed_words), shape().key_bytes()};
}

std::string_view slot_image::session_id() const noexcept {
    const slot_shape parts = shape();
    if (parts.id_is_key())
        return key();
    return {reinterpret_cast<const char*>(words + slot_fixed_words) + parts.key_bytes(),
            parts.id_bytes()};
}

void slot_image::copy_to(route& out, std::uint32_t activity_line) const noexcept {
    const slot_shape parts = shape();
    out.state = static_cast<route_state>(parts.state());
    std::memcpy(out.target.address.bytes.data(), words + at_address, 16);
    out.target.port = parts.port();
    out.version = words[at_version];
    out.started_at_ms = static_cast<std::int64_t>(words[at_birth] >> 32) * 1000;
    out.resume_until_ms = static_cast<std::int64_t>(words[at_resume]);
    out.expires_at_ms = static_cast<std::int64_t>(words[at_expires]);
    out.access_generation = static_cast<std::uint32_t>(words[at_access]);
    out.activity = {activity_line, epoch()};
    const char* const text = reinterpret_cast<const char*>(words + slot_fixed_words);
    out.set_text(session_id(), {text + parts.key_bytes() + parts.id_bytes(), parts.reason_bytes()});
}

bool slot_image::fill(std::string_view key, const route& value, std::uint32_t epoch) noexcept {
    const std::string_view id = value.session_id();
    const bool same = id == key;
    const std::string_view stored_id = same ? std::string_view{} : id;
    if (key.size() + stored_id.size() > slot_text_bytes ||
        id.size() > base::limits::session_id_bytes_max)
        return false;
    const std::string_view reason =
        base::utf8_prefix(value.reason(), slot_text_bytes - key.size() - stored_id.size());
    words[at_version] = value.version;
    words[at_birth] = seconds_of(value.started_at_ms) << 32 | epoch;
    words[at_shape] = std::uint64_t{static_cast<std::uint8_t>(value.state)} |
                      (same ? flag_id_is_key : 0) << 8 | std::uint64_t{key.size()} << 16 |
                      std::uint64_t{id.size()} << 24 | std::uint64_t{reason.size()} << 32 |
                      std::uint64_t{value.target.port} << 48;
    std::memcpy(words + at_address, value.target.address.bytes.data(), 16);
    words[at_resume] = static_cast<std::uint64_t>(value.resume_until_ms);
    words[at_expires] = static_cast<std::uint64_t>(value.expires_at_ms);
    words[at_access] = value.access_generation;
    words[shape().used_words() - 1] = 0; // nothing of another session stays behind the text
    char* text = reinterpret_cast<char*>(words + slot_fixed_words);
    for (const std::string_view part : {key, stored_id, reason}) {
        if (!part.empty())
            std::memcpy(text, part.data(), part.size());
        text += part.size();
    }
    return true;
}

} // namespace postern::cache
