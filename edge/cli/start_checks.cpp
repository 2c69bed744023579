#include "edge/cli/start_checks.hpp"

#include "cache/table_file.hpp"
#include "edge/master/access_key_file.hpp"
#include "edge/master/control_token.hpp"
#include "edge/master/generation.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/sole_use.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge {
namespace {

namespace errc = boost::system::errc;

/// What opening `path` to write, or making it, would say; opens and makes nothing.
base::error_code write_error(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0) {
        if (S_ISDIR(about.st_mode))
            return make_error_code(errc::is_a_directory);
        return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0 ? base::error_code{}
                                                                          : base::last_errno();
    }
    if (errno != ENOENT)
        return base::last_errno();
    const std::string folder =
        path.substr(0, path.rfind('/') + 1); // paths in settings are absolute
    return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? base::error_code{}
                                                                               : base::last_errno();
}

class checks {
  public:
    explicit checks(const settings& conf) : conf_{conf} {}

    std::vector<std::string> run() {
        auto who = identity_for(conf_.user);
        if (!who) {
            note(who.error());
            return std::move(found_);
        }
        check_pid_file();
        if (const auto folders = check_folders(conf_, *who); !folders)
            note(folders.error());
        check_log("error_log", conf_.error_log);
        if (conf_.access_format != access_log_format::off)
            check_log("access_log", conf_.access_log);
        const acting_as user{*who};
        check_secret("token_file", conf_.control.token_file, control_token);
        if (has_links(conf_))
            check_secret("access_key_file", conf_.access_key_file, read_access_keys);
        check_table();
        return std::move(found_);
    }

  private:
    void note(const base::failure& failure) { found_.push_back(failure.text()); }

    void check_file(const char* what, const std::string& path) {
        if (const auto error = write_error(path))
            note({error, fmt::format("cannot open {} {}", what, path)});
    }

    void check_pid_file() {
        struct stat about {};
        if (conf_.pid_file.empty())
            return;
        if (::lstat(conf_.pid_file.c_str(), &about) == 0 && S_ISLNK(about.st_mode))
            note({make_error_code(errc::too_many_symbolic_link_levels),
                  "cannot open pid file " + conf_.pid_file}); // it is not followed
        else
            check_file("pid file", conf_.pid_file);
    }

    void check_log(const char* directive, const std::string& path) {
        if (!path.empty() && path != "stderr" && path != "stdout")
            check_file(directive, path);
    }

    /// `read` looks at a file that is there; where there is none, the start makes one.
    template <class Read>
    void check_secret(const char* directive, const std::string& path, Read read) {
        struct stat about {};
        if (::stat(path.c_str(), &about) != 0 && errno == ENOENT) {
            if (const auto error = write_error(path))
                note({error, fmt::format("cannot make {} {}", directive, path)});
        } else if (const auto secret = read(path); !secret) {
            note(secret.error());
        }
    }

    void check_table() {
        const auto file = cache::open_table_file(conf_.table_path, O_RDWR);
        if (!file && file.error().code != errc::no_such_file_or_directory)
            note({file.error().code,
                  fmt::format("session_table {}: {}", conf_.table_path, file.error().what)});
        check_lock(conf_.table_path);
        if (const std::string store = launched_for(conf_); !store.empty())
            check_lock(store);
    }

    /// Whether it can be taken is for the start: postern may run.
    void check_lock(const std::string& of) {
        struct stat about {};
        if (::lstat(lock_of(of).c_str(), &about) == 0)
            check_file("lock file", lock_of(of));
    }

    const settings& conf_;
    std::vector<std::string> found_;
};

} // namespace

std::vector<std::string> start_obstacles(const settings& conf) {
    return checks{conf}.run();
}

} // namespace postern::edge
