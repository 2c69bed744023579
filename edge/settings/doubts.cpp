// What a conf may say, and hardly means: postern starts with it, and something of it does not work.
#include "edge/settings/lexer.hpp"
#include "edge/settings/settings_loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge {
namespace {

/// Why `path` is no folder, or an empty text.
std::string folder_fault(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0)
        return std::strerror(errno);
    return S_ISDIR(about.st_mode) ? "" : "it is no folder";
}

bool is_program(const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

/// Where posix_spawnp would find it, by PATH as it is now.
bool is_in_path(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::string_view left = path != nullptr ? path : "/bin:/usr/bin";
    for (;;) {
        const std::size_t end = left.find(':');
        const std::string_view folder = left.substr(0, end);
        if (is_program(fmt::format("{}/{}", folder.empty() ? "." : folder, name)))
            return true;
        if (end == std::string_view::npos)
            return false;
        left.remove_prefix(end + 1);
    }
}

/// A template's text where it is one and the same for all values.
std::optional<std::string> constant(const base::text_template& text) {
    return text.fill([](std::string_view) { return std::nullopt; });
}

void doubt_launcher(const launcher_settings& launcher, std::vector<std::string>& doubts) {
    const auto directory = constant(launcher.directory);
    if (directory && !directory->empty())
        if (const std::string why = folder_fault(*directory); !why.empty())
            doubts.push_back(fmt::format("{}: launcher: no session can start: directory {}: {}",
                                         launcher.source, *directory, why));
    const auto program = constant(launcher.command.front());
    if (!program)
        return;
    const bool has_folder = program->find('/') != std::string::npos;
    if (has_folder ? !is_program(*program) : !is_in_path(*program))
        doubts.push_back(fmt::format(
            "{}: launcher: no session can start: command {} is {}", launcher.source, *program,
            has_folder ? "no program that can be run" : "in no folder of PATH"));
}

/// Read by the process that feeds and follows, for each of its connections.
void doubt_redis(const store_settings& store, std::vector<std::string>& doubts) {
    if (!store.dynamodb.redis)
        return;
    for (const std::string* path :
         {&store.dynamodb.redis->password_file, &store.dynamodb.redis->ca_file}) {
        struct stat about {};
        if (path->empty() || (::stat(path->c_str(), &about) == 0 && S_ISREG(about.st_mode)))
            continue;
        doubts.push_back(fmt::format("{}: feed redis: it cannot be connected to: there is no file "
                                     "{}",
                                     store.source, *path));
    }
}

/// Cookies of browsers that come over plain HTTP, and not from this host, would not be kept.
void doubt_links(const server_settings& server, std::vector<std::string>& doubts) {
    const auto is_local = [](const listen_settings& listen) {
        constexpr base::ip_network loopback[] = {
            {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, 104},
            {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128}};
        return base::is_in(loopback, listen.address.address);
    };
    if (server.has_ssl() || std::all_of(server.listens.begin(), server.listens.end(), is_local))
        return;
    const auto by_link = std::find_if(server.locations.begin(), server.locations.end(),
                                      [](const auto& l) { return l.access.link; });
    if (by_link != server.locations.end())
        doubts.push_back(fmt::format(
            "{}: access link: browsers keep its cookie only over HTTPS, and nothing in the conf "
            "says where that ends; listen with ssl, or name the proxy that does it in "
            "trusted_proxies",
            by_link->source));
}

} // namespace

std::vector<std::string> doubts_about(const settings& conf) {
    std::vector<std::string> doubts;
    if (conf.servers.empty())
        doubts.push_back(
            fmt::format("{} has no server block: nothing is listened at but the control address",
                        shown(conf.file, conf.file.size())));
    for (const server_settings& server : conf.servers)
        if (conf.trusted_proxies.empty())
            doubt_links(server, doubts);
    std::set<std::string> roots;
    for (const server_settings& server : conf.servers)
        for (const location_settings& location : server.locations) {
            const auto root = constant(location.static_root);
            if (!root || root->empty() || !roots.insert(*root).second)
                continue;
            if (const std::string why = folder_fault(*root); !why.empty())
                doubts.push_back(fmt::format("{}: no file can be served from {}: {}",
                                             location.source, *root, why));
        }
    if (conf.lifecycle.launcher)
        doubt_launcher(*conf.lifecycle.launcher, doubts);
    doubt_redis(conf.store, doubts);
    return doubts;
}

} // namespace postern::edge
