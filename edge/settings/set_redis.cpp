// What "feed redis" says: where the server is, and how it is spoken to.
#include "base/percent.hpp"
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <charconv>

namespace postern::edge {
namespace {

constexpr std::string_view right = "write redis://HOST[:PORT][/DB], rediss:// for TLS, or "
                                   "unix:/PATH[?db=DB]";
constexpr unsigned database_max = 65'535;

/// The URL without what may be a secret.
complaint no_url(std::string_view url, std::string_view why) {
    const std::size_t at = url.rfind('@');
    return complaint{fmt::format("\"{}{}\" {}; {}", at == std::string_view::npos ? "" : "...",
                                 shown(url.substr(at == std::string_view::npos ? 0 : at)), why,
                                 right)};
}

template <class Number>
bool read(std::string_view text, Number& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size();
}

bool read_database(std::string_view text, unsigned& into) {
    return read(text, into) && into <= database_max;
}

/// Nothing: an escape in it is none.
std::optional<std::string> decoded(std::string_view text) {
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int byte = text[i] == '%' ? base::escaped_byte(text, i) : text[i];
        if (byte < 0 && text[i] == '%')
            return std::nullopt;
        made += static_cast<char>(byte);
        i += text[i] == '%' ? 2 : 0;
    }
    return made;
}

/// "user:password", ":password", or "user" where a file has the password; percent-encoded where it
/// has to be. What is wrong with it; empty: nothing.
std::string_view read_user(std::string_view text, redis_settings& into) {
    const std::size_t colon = text.find(':');
    const bool has_password = colon != std::string_view::npos;
    const auto user = decoded(text.substr(0, colon));
    const auto password = decoded(has_password ? text.substr(colon + 1) : std::string_view{});
    if (!user || !password || (has_password ? password->empty() : user->empty()))
        return "has no user or no password in front of its @, or not in %-escapes";
    if ((*user + *password).find('\0') != std::string::npos)
        return "has %00 in its user or password, which ends the words that Redis compares with";
    into.user = *user;
    into.password = *password;
    return "";
}

bool read_place(std::string_view text, redis_settings& into) {
    std::size_t end = text.find(':');
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos)
            return false;
        into.host = text.substr(1, bracket - 1);
        end = bracket + 1;
        if (end < text.size() && text[end] != ':')
            return false;
    } else {
        into.host = text.substr(0, end);
    }
    if (into.host.empty() || into.host.size() > 253 ||
        into.host.find_first_of(" /?#%\\") != std::string::npos)
        return false;
    return end >= text.size() || (read(text.substr(end + 1), into.port) && into.port > 0);
}

parsed<redis_settings> unix_of(std::string_view url) {
    redis_settings made;
    std::string_view path = url.substr(std::string_view{"unix:"}.size());
    const std::size_t question = path.find('?');
    if (question != std::string_view::npos) {
        std::string_view rest = path.substr(question + 1);
        if (!rest.starts_with("db=") || !read_database(rest.substr(3), made.database))
            return no_url(url, "has a part that is not known");
        path = path.substr(0, question);
    }
    // As a URL, or as in other directives.
    if (path.starts_with("///"))
        path.remove_prefix(2);
    if (!path.starts_with('/') || path.starts_with("//") || path.size() > 107)
        return no_url(url, "has no socket's path of at most 107 bytes");
    made.socket_path = path;
    return made;
}

parsed<redis_settings> redis_of(std::string_view url) {
    if (url.starts_with("unix:"))
        return unix_of(url);
    redis_settings made;
    std::string_view rest = url;
    for (const std::string_view scheme : {"redis://", "rediss://"})
        if (url.starts_with(scheme)) {
            made.is_tls = scheme.size() == 9;
            rest.remove_prefix(scheme.size());
        }
    if (rest.size() == url.size())
        return no_url(url, "is no Redis server");
    if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
        const std::string_view database = rest.substr(slash + 1);
        if (!database.empty() && !read_database(database, made.database))
            return no_url(url, "has no number of a database behind its slash");
        rest = rest.substr(0, slash);
    }
    if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
        if (const std::string_view wrong = read_user(rest.substr(0, at), made); !wrong.empty())
            return no_url(url, wrong);
        rest.remove_prefix(at + 1);
    }
    if (!read_place(rest, made))
        return no_url(url, "has no host, or no port from 1 to 65535");
    return made;
}

} // namespace

std::optional<complaint> set_redis(const call& c, std::optional<redis_settings>& out) {
    if (c.count() < 2)
        return complaint{fmt::format("redis needs the server; {}", right)};
    auto made = redis_of(c.word(1));
    if (!made)
        return made.error();
    if (auto wrong = named_twice(c, 2))
        return wrong;
    for (std::size_t i = 2; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string name = word.substr(0, equals);
        const std::string value = word.substr(std::min(equals + 1, word.size()));
        if (name == "password_file" || name == "ca") {
            auto& place = name == "ca" ? made->ca_file : made->password_file;
            if (auto wrong = take(path_of(c, value), place))
                return wrong;
        } else if (name == "user") {
            if (value.empty())
                return complaint{"user= names nobody; write user=NAME, or leave it out for the "
                                 "standard user"};
            if (!made->user.empty())
                return complaint{"there are a user in the URL and user=; write one of them"};
            made->user = value;
        } else if (name == "feeders") {
            if (auto wrong = take(count_of(value, {0, 2}), made->feeders))
                return wrong;
        } else {
            return complaint{fmt::format("\"{}\" is not known; write user=NAME, "
                                         "password_file=FILE, ca=FILE or feeders=COUNT",
                                         shown(word))};
        }
    }
    if (!made->password.empty() && !made->password_file.empty())
        return complaint{"there are a password and a password_file; write one of them"};
    if (!made->user.empty() && made->password.empty() && made->password_file.empty())
        return complaint{"there is a user without a password; write password_file=FILE, or in the "
                         "URL user:password@ (:password@ where there is no user)"};
    if (!made->ca_file.empty() && !made->is_tls)
        return complaint{"ca is for rediss://, which is TLS"};
    out = std::move(*made);
    return std::nullopt;
}

} // namespace postern::edge
