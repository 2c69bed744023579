// Which server and location a request belongs to, and what its captures are.
#pragma once

#include "edge/http/request_head.hpp"
#include "edge/settings/settings.hpp"

#include <boost/container/static_vector.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::edge {

using capture_number = std::uint32_t; // of a capture's name; one conf's are numbered together

struct capture {
    std::string_view name;
    std::string_view value;
    capture_number number = 0; // of the name
};
using captures = boost::container::static_vector<capture, captures_max>;

class location_tree;

/// What was found. Views point into the request head, `host_text` and the settings: not to be
/// copied or moved while used.
struct located {
    const server_settings* server = nullptr;
    const location_settings* location = nullptr;  // none: 404, or 400 where `refused`
    captures values;                              // from host, then from path
    std::span<const capture_number> key_captures; // whose values the location's route key is made
                                                  // of, by place in its template
    std::string_view
        prefix; // the part of the raw path that the location's pattern matched, without a final '/'
    std::string_view rest; // the raw path after it; starts with '/' (or is empty: see add_slash, or
                           // the location has no final '/'); the whole path for exact locations
    bool add_slash =
        false; // path is "/session/x" for pattern "/session/{id}/": redirect to it with a slash
    const char* refused = nullptr; // why the path is refused (400); see refuse_path
    std::string host_text;         // Host without port and final dot, lower case

    /// What the Host of the last request came to: on one connection it is nearly always the same.
    struct host_memo {
        bool known = false;
        std::size_t listener = 0;
        std::string host; // as sent
        const server_settings* server = nullptr;
        const location_tree* locations = nullptr;
        std::size_t captures = 0; // of values, they come first
    } memo;

    [[nodiscard]] std::optional<std::string_view> value_of(std::string_view name) const noexcept;
    void clear() noexcept; // keeps host_text's room, forgets the memo
};

/// An immutable index over the servers of one loaded conf, which must outlive it. Order as in
/// nginx: server by exact name, then by pattern in conf order, then the listener's default_server,
/// else its first server without names, else its first; location by exact path, then by longest
/// prefix (a pattern counts by its literal bytes; on a tie the one with fewer captures, then conf
/// order). A path that lacks only the final '/' of a session location counts for it (add_slash).
/// Paths are compared as raw bytes: nothing is decoded, so what is routed is what is forwarded. A
/// path that `refuse_path` refuses, such as one that holds "/../", has no location (`refused`).
class location_index {
  public:
    explicit location_index(const settings& conf);
    location_index(location_index&&) noexcept;
    ~location_index();

    /// `listener`: position in the list of distinct listen addresses (`listeners()`).
    void locate(std::size_t listener, const request_head& head, located& out) const;

    /// The server that answers on this listener for a host, which is as in Host; it may be empty.
    [[nodiscard]] const server_settings& server_of(std::size_t listener,
                                                   std::string_view host) const;

    /// For the Referer and cookie rules: the session location of `server` whose pattern matches
    /// this path, if any.
    [[nodiscard]] bool locate_session(const server_settings& server, std::string_view path,
                                      located& out) const;

    [[nodiscard]] const std::vector<base::ip_endpoint>& listeners() const noexcept;
    /// Whether a server on it has `listen ... http2`.
    [[nodiscard]] bool speaks_http2(std::size_t listener) const noexcept;
    /// Whether a server on it has `listen ... proxy_protocol`: a PROXY header comes first.
    [[nodiscard]] bool takes_proxy_header(std::size_t listener) const noexcept;

  private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// A reason to refuse the path outright, or nullptr. Refused are
/// - dot segments, plain or encoded, between separators plain or encoded ("/../", "/%2e./",
///   "%2f..%5c", "/..;x");
/// - raw backslashes, which browsers never send and some servers take for a slash;
/// - control bytes and spaces, "%00", and escapes without two digits.
/// All else goes through byte for byte, also "//" and "%2F".
[[nodiscard]] const char* refuse_path(std::string_view raw_path) noexcept;

} // namespace postern::edge
