#include "edge/master/generation.hpp"

#include "edge/master/access_key_file.hpp"
#include "edge/master/control_token.hpp"
#include "edge/request/locate.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge {
namespace {

base::result<void> check_folder_of(const char* directive, const std::string& path) {
    if (path.empty())
        return {};
    const std::size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    if (folder.empty())
        folder = "/";
    struct stat about {};
    if (::stat(folder.c_str(), &about) != 0)
        return base::failure{
            base::last_errno(),
            fmt::format(
                "{} {}: its folder {} cannot be used; make it (mkdir -p {}), or name a path "
                "in an existing folder",
                directive, path, folder, folder)};
    if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return base::failure{
            base::last_errno(),
            fmt::format("{} {}: user {} cannot write in {}; give the folder to that user, or "
                        "name another path",
                        directive, path, ::geteuid(), folder)};
    return {};
}

base::result<std::shared_ptr<base::unique_fd>> control_socket(const settings& conf,
                                                              const generation* before,
                                                              const listener_set::try_again& again,
                                                              std::vector<std::string>& news) {
    if (before != nullptr && before->conf.control.listen == conf.control.listen)
        return before->control_listener;
    for (;;) {
        auto fd = listen_on(conf.control.listen, false);
        if (fd) {
            news.push_back("control listening on " + bound_to(fd->get()).text());
            return std::make_shared<base::unique_fd>(std::move(*fd));
        }
        if (fd.error().code.value() != EADDRINUSE || !again || !again())
            return base::failure{fd.error().code, "control: " + fd.error().what};
    }
}

} // namespace

base::result<void> check_folders(const settings& conf, const std::optional<identity>& who) {
    const acting_as user{who};
    for (const auto& [directive, path] :
         {std::pair<const char*, const std::string&>{"session_table", conf.table_path},
          {"store sqlite", conf.store.path}})
        if (!path.empty()) // a store in DynamoDB has none
            if (auto checked = check_folder_of(directive, path); !checked)
                return checked;
    return {};
}

base::result<std::unique_ptr<generation>>
make_generation(settings conf, const generation* before, listener_set& listeners,
                const ticket_keys& tickets, const std::optional<identity>& who,
                const listener_set::try_again& again, std::vector<std::string>& news) {
    auto next = std::make_unique<generation>();
    next->conf = std::move(conf);
    if (const auto checked = check_folders(next->conf, who); !checked)
        return checked.error();
    // Before anything is made, and before sockets: where the table is taken the ports often are,
    // too, and other ports alone would not be right.
    auto held = sole_use::of(next->conf, before != nullptr ? &before->held : nullptr, who, again);
    if (!held)
        return held.error();
    next->held = std::move(*held);
    auto logs = log_files::open(next->conf);
    if (!logs)
        return logs.error();
    next->logs = std::move(*logs);
    auto tls = tls_contexts::load(next->conf, &tickets, std::time(nullptr));
    if (!tls)
        return tls.error();
    next->tls = std::move(*tls);
    {
        const acting_as user{who};
        auto token = control_token(next->conf.control.token_file);
        if (!token)
            return token.error();
        next->token = std::move(*token);
        if (has_links(next->conf)) {
            auto keys = read_access_keys(next->conf.access_key_file);
            if (!keys)
                return keys.error();
            next->access_keys = std::move(*keys);
        }
    }
    next->addresses = location_index{next->conf}.listeners();
    const auto bound = listeners.open(next->addresses, next->conf.workers, again);
    if (!bound)
        return bound.error();
    for (const base::ip_endpoint& address : *bound)
        news.push_back("listening on " + address.text());
    auto control = control_socket(next->conf, before, again, news);
    if (!control)
        return control.error();
    next->control_listener = std::move(*control);
    return next;
}

supervisor_limits supervisor_limits_of(const settings& conf) {
    supervisor_limits limits;
    limits.drain = conf.shutdown_timeout;
    if (conf.lifecycle.launcher)
        limits.control_stop = conf.lifecycle.launcher->stop_within + std::chrono::seconds{5};
    return limits;
}

} // namespace postern::edge
