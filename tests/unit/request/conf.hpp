// Settings for tests, put together without a conf file.
#pragma once

#include "edge/settings/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::edge::tests {

inline capture_pattern pattern(std::string_view text) {
    capture_pattern made;
    made.text = text;
    while (!text.empty()) {
        const bool is_capture = text.front() == '{';
        const std::size_t end = is_capture ? text.find('}') : text.find('{');
        made.pieces.push_back(
            {std::string{is_capture ? text.substr(1, end - 1) : text.substr(0, end)}, is_capture});
        text.remove_prefix(std::min(text.size(), is_capture ? end + 1 : end));
    }
    return made;
}

inline base::text_template text(std::string_view source) {
    return base::text_template::parse(source).value();
}

inline location_settings location(std::string_view path, enum handler handler,
                                  std::string_view source = "") {
    location_settings made;
    made.path = pattern(path);
    made.handler = handler;
    made.source = source.empty() ? path : source;
    return made;
}

inline location_settings exact(std::string_view path, enum handler handler) {
    location_settings made = location(path, handler, "= " + std::string{path});
    made.exact = true;
    return made;
}

inline location_settings session(std::string_view path, std::string_view route_key,
                                 session_sources sources = {}) {
    location_settings made = location(path, handler::session);
    made.route_key = text(route_key);
    made.sources = std::move(sources);
    made.header_capture = "threadId";
    return made;
}

inline base::ip_endpoint address(std::string_view endpoint) {
    return base::ip_endpoint::parse(endpoint).value();
}

inline server_settings server(std::vector<std::string_view> names,
                              std::vector<location_settings> locations,
                              std::string_view listen = "127.0.0.1:80",
                              bool default_server = false) {
    server_settings made;
    made.listens.push_back({.address = address(listen), .default_server = default_server});
    for (const std::string_view name : names)
        made.names.push_back(pattern(name));
    made.locations = std::move(locations);
    made.source = names.empty() ? "nameless" : std::string{names.front()};
    return made;
}

inline settings conf(std::vector<server_settings> servers) {
    settings made;
    made.servers = std::move(servers);
    return made;
}

} // namespace postern::edge::tests
