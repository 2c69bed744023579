// Header fields of either direction, in the order they came.
#pragma once

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <string_view>

namespace postern::edge {

/// Fields that postern itself looks at, recognised once while reading.
enum class known : std::uint8_t {
    other,
    accept,
    accept_encoding,
    connection,
    content_encoding,
    content_length,
    content_type,
    cookie,
    date,
    etag,
    expect,
    forwarded,
    host,
    if_match,
    if_modified_since,
    if_none_match,
    if_range,
    if_unmodified_since,
    keep_alive,
    last_modified,
    location,
    origin,
    proxy_authenticate,
    proxy_authorization,
    proxy_connection,
    range,
    referer,
    sec_fetch_dest,
    sec_fetch_mode,
    sec_fetch_site,
    sec_purpose,
    sec_websocket_extensions,
    sec_websocket_key,
    sec_websocket_protocol,
    sec_websocket_version,
    server,
    set_cookie,
    te,
    trailer,
    transfer_encoding,
    upgrade,
    user_agent,
    x_forwarded_for,
    x_forwarded_host,
    x_forwarded_proto,
    x_forwarded_prefix,
    x_real_ip,
    x_session_id,
    x_forwarded, // any other x-forwarded-*
    x_postern,   // any x-postern-*
    authorization,
    cache_control,
    vary,
};

struct field {
    known id = known::other;
    bool verbatim = false;  // "name: value\r\n" stands in one piece from name.data() on
    std::string_view name;  // as sent
    std::string_view value; // without surrounding white space
};

using field_list = boost::container::small_vector<field, 16>;

/// First value of a field, empty if there is none.
[[nodiscard]] inline std::string_view value_of(const field_list& fields, known id) noexcept {
    for (const field& f : fields)
        if (f.id == id)
            return f.value;
    return {};
}

/// The field's identity; names compare without case. Requires: no control bytes.
/// An answer other than `other`, x_forwarded and x_postern says that the name is a token, too.
[[nodiscard]] known known_field(std::string_view name) noexcept;

namespace detail {
/// Requires: equally long.
[[nodiscard]] bool same_letters(std::string_view a, std::string_view b) noexcept;
} // namespace detail

[[nodiscard]] inline bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && detail::same_letters(a, b);
}
/// Whether a comma-separated list has `token`, without case (RFC 9110 5.6.1).
[[nodiscard]] bool list_has(std::string_view list, std::string_view token) noexcept;

} // namespace postern::edge
