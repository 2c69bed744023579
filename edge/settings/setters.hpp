// What a directive does with its arguments: a table of functions for each context. `directives`
// says what may be written, these give it its meaning; a test checks that the two have the same
// names.
#pragma once

#include "edge/settings/parser.hpp"
#include "edge/settings/values.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::edge {

/// One directive to be put into effect; it has passed check_tree.
struct call {
    const directive_node& node;
    const std::string& folder; // of the conf: what relative paths start from
    [[nodiscard]] std::size_t count() const noexcept { return node.words.size(); }
    [[nodiscard]] const std::string& word(std::size_t i) const { return node.words[i].text; }
    [[nodiscard]] std::string source() const;
};

template <class T>
struct setter {
    std::string_view name;
    std::optional<complaint> (*set)(const call&, T&);
};

/// `ssl_redirect`.
struct ssl_redirect_choice {
    bool on = false;
    std::uint16_t port = 0; // 0: where the server listens with ssl
};

/// What the main part and a server may say about TLS; the innermost one holds.
struct tls_scope {
    std::optional<std::vector<certificate_files>> certificates;
    std::optional<std::pair<bool, bool>> protocols; // TLS 1.2, 1.3
    std::optional<std::string> ciphers;
    std::string ciphers_source;
    std::optional<bool> tickets;

    /// What this one leaves open is taken from `outer`.
    void inherit(const tls_scope& outer);
    /// Requires: nothing but certificates is open.
    [[nodiscard]] tls_settings settled() const;
};

/// What the main part, a server and a location may say about how things are served; the innermost
/// one holds.
struct scope {
    std::optional<bool> strip_prefix;
    std::optional<enum dev_server> dev_server;
    std::optional<wake_mode> wake;
    std::optional<milliseconds> hold;
    std::optional<session_sources> sources;
    std::optional<base::text_template> route_key;
    std::optional<std::pair<enum on_expired, std::string>> expired; // with redirect's URL
    std::optional<base::text_template> static_root;
    std::optional<std::vector<std::string>> index;
    std::optional<bool> precompressed;
    std::optional<std::vector<cache_rule>> cache_rules;
    std::optional<access_rule> access;
    std::optional<std::vector<std::pair<std::string, std::string>>> add_headers;
    std::optional<std::string> table_age_header;
    std::optional<std::uint64_t> body_bytes_max;
    std::optional<ssl_redirect_choice> ssl_redirect;
    std::string pages[static_cast<std::size_t>(page::count_)];

    /// What this one leaves open is taken from `outer`.
    void inherit(const scope& outer);
};

/// A location as written, before what it inherits.
struct location_draft {
    const directive_node* node = nullptr;
    const directive_node* handler_node = nullptr;
    location_settings made; // path, handler and what belongs to it
    scope own;
};

struct server_draft {
    const directive_node* node = nullptr;
    server_settings made; // without its locations
    scope own;
    tls_scope tls;
    std::vector<location_draft> locations;
};

[[nodiscard]] std::span<const setter<settings>> main_setters(); // without those of scope_setters
[[nodiscard]] std::span<const setter<store_settings>> store_setters();
[[nodiscard]] std::span<const setter<control_settings>> control_setters();
[[nodiscard]] std::span<const setter<lifecycle_settings>> lifecycle_setters();
[[nodiscard]] std::span<const setter<launcher_settings>> launcher_setters();
[[nodiscard]] std::span<const setter<scope>> scope_setters();
[[nodiscard]] std::span<const setter<tls_scope>> tls_setters();
[[nodiscard]] std::span<const setter<server_settings>> server_setters();
[[nodiscard]] std::span<const setter<location_draft>> location_setters();
/// A DynamoDB table's name.
[[nodiscard]] parsed<std::string> table_name_of(const std::string& text);
/// `feed redis URL ...`
[[nodiscard]] std::optional<complaint> set_redis(const call& c, std::optional<redis_settings>& out);
/// `look_through ...`
[[nodiscard]] std::optional<complaint> set_look_through(const call& c,
                                                        dynamodb_settings::unknown_keys& out);
/// `location [=] PATH`: its own arguments.
[[nodiscard]] std::optional<complaint> set_location_path(const call& c, location_draft& out);

/// The value into its place, or what is wrong with it.
template <class Value, class Place>
[[nodiscard]] std::optional<complaint> take(parsed<Value> value, Place& place) {
    if (!value)
        return value.error();
    place = static_cast<Place>(std::move(*value));
    return std::nullopt;
}

/// Of the arguments from `first` on that are NAME=VALUE: a name that is there twice.
[[nodiscard]] std::optional<complaint> named_twice(const call& c, std::size_t first = 1);

/// Argument `i` as the path of a file or folder, absolute.
[[nodiscard]] parsed<std::string> path_of(const call& c, std::size_t i);
[[nodiscard]] parsed<std::string> path_of(const call& c, const std::string& word);
/// The same as a template that knows these names.
[[nodiscard]] parsed<base::text_template> path_template_of(const call& c, std::size_t i,
                                                           std::span<const std::string_view> known);

} // namespace postern::edge
