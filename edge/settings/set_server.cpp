// What servers and locations hold besides what they inherit.
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <utility>

namespace postern::edge {
namespace {

using answer = std::optional<complaint>;

answer set_listen(const call& c, server_settings& out) {
    listen_settings made;
    for (std::size_t i = 1; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        bool* const place = word == "default_server"   ? &made.default_server
                            : word == "ssl"            ? &made.ssl
                            : word == "http2"          ? &made.http2
                            : word == "proxy_protocol" ? &made.proxy_protocol
                                                       : nullptr;
        if (place == nullptr)
            return complaint{fmt::format(
                "\"{}\" is not known; default_server, ssl, http2 and proxy_protocol may follow the "
                "address",
                shown(word))};
        if (std::exchange(*place, true))
            return complaint{fmt::format("{} is there twice", word)};
    }
    made.source = c.source();
    if (auto wrong = take(listen_address_of(c.word(0)), made.address))
        return wrong;
    if (std::find(out.listens.begin(), out.listens.end(), made) != out.listens.end())
        return complaint{fmt::format("{} is there twice in this server", made.address.text())};
    out.listens.push_back(std::move(made));
    return std::nullopt;
}

answer set_server_name(const call& c, server_settings& out) {
    for (std::size_t i = 0; i < c.count(); ++i) {
        auto name = host_pattern_of(c.word(i));
        if (!name)
            return name.error();
        const auto captures =
            std::count_if(name->pieces.begin(), name->pieces.end(),
                          [](const capture_pattern::piece& p) { return p.is_capture; });
        if (static_cast<std::size_t>(captures) > captures_max)
            return complaint{
                fmt::format("\"{}\" has more than {} captures", shown(c.word(i)), captures_max)};
        out.names.push_back(std::move(*name));
    }
    return std::nullopt;
}

const setter<server_settings> server_table[] = {{"listen", set_listen},
                                                {"server_name", set_server_name}};

void set_handler(const call& c, location_draft& out, enum handler what) {
    out.made.handler = what;
    out.handler_node = &c.node;
}

answer set_session(const call& c, location_draft& out) {
    set_handler(c, out, handler::session);
    return std::nullopt;
}

answer set_static(const call& c, location_draft& out) {
    set_handler(c, out, handler::static_files);
    return take(path_template_of(c, 0, any_name), out.made.static_root);
}

answer set_proxy(const call& c, location_draft& out) {
    set_handler(c, out, handler::proxy);
    return take(endpoint_of(c.word(0)), out.made.upstream);
}

answer set_control(const call& c, location_draft& out) {
    set_handler(c, out, handler::control);
    if (c.count() == 1 && c.word(0) != "open")
        return complaint{
            fmt::format("\"{}\" is not known; write open or nothing", shown(c.word(0)))};
    out.made.control_open = c.count() == 1;
    return std::nullopt;
}

answer set_return(const call& c, location_draft& out) {
    set_handler(c, out, handler::fixed);
    const auto status = count_of(c.word(0), {200, 599});
    if (!status)
        return complaint{
            fmt::format("\"{}\" is no code of an answer; write 200 to 599", shown(c.word(0)))};
    if (*status == 206 || *status == 300 || (*status >= 304 && *status <= 306))
        return complaint{fmt::format("{} says something of a request that a fixed answer does not "
                                     "look at; write another code",
                                     *status)};
    out.made.status = static_cast<unsigned>(*status);
    constexpr unsigned redirects[] = {301, 302, 303, 307, 308};
    const bool redirect =
        std::find(std::begin(redirects), std::end(redirects), *status) != std::end(redirects);
    if (redirect) {
        if (c.count() == 1)
            return complaint{fmt::format("{} is a redirect; a URL is missing", *status)};
        return take(url_of(c.word(1)), out.made.body);
    }
    if (c.count() == 2 && (*status == 204 || *status == 205) && !c.word(1).empty())
        return complaint{fmt::format("an answer {} has no text", *status)};
    if (c.count() == 2)
        out.made.body = c.word(1);
    return std::nullopt;
}

answer set_port(const call& c, location_draft& out) {
    return take(count_of(c.word(0), {1, 65535}), out.made.port);
}

const setter<location_draft> location_table[] = {
    {"session", set_session}, {"static", set_static}, {"proxy", set_proxy},
    {"control", set_control}, {"return", set_return}, {"port", set_port},
};

} // namespace

std::span<const setter<server_settings>> server_setters() {
    return server_table;
}

std::span<const setter<location_draft>> location_setters() {
    return location_table;
}

answer set_location_path(const call& c, location_draft& out) {
    out.node = &c.node;
    out.made.source = c.source();
    const std::string& first = c.word(0);
    if (first == "~" || first == "~*")
        return complaint{"regular expressions are not known; write a path with captures, such as "
                         "/session/{threadId}/"};
    if (first == "^~")
        return complaint{"^~ is not known; the longest path holds in any case"};
    if (c.count() == 2 && first != "=")
        return complaint{
            fmt::format("\"{}\" is not known; write = before the path, or nothing", shown(first))};
    if (c.count() == 1 && first.size() > 1 && first.starts_with("="))
        return complaint{fmt::format("\"{}\": a space is missing after =", shown(first))};
    out.made.exact = c.count() == 2;
    return take(path_pattern_of(c.word(c.count() - 1)), out.made.path);
}

} // namespace postern::edge
