// The command line as a value.
#pragma once

#include "edge/master/master.hpp"

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::edge {

enum class verb {
    run,
    test_conf,
    signal,
    version,
    help,
    help_conf,
    help_man,
    sessions_list,
    sessions_show,
    sessions_set,
    sessions_rm,
    sessions_link,
    sessions_unlink,
    store_init,
    store_check,
    table_dump,
    table_check,
    explain,
};

/// What `sessions set` is to write; what is absent stays as it is.
struct session_changes {
    std::optional<std::string> status;
    std::optional<std::string> target; // ADDRESS:PORT or none
    std::optional<std::string> client;
    std::optional<std::string> user;
    std::optional<std::string> thread;
    std::optional<std::string> branch;
    std::optional<std::string> instruction;
    std::optional<std::string> reason;
};

struct command_line {
    enum verb verb = verb::run;
    std::string conf_file = "/etc/postern/postern.conf";
    master_signal signal = master_signal::stop;
    std::string subject; // session id, directive, table file or URL; empty if none was given
    bool json = false;
    bool is_dry_run = false;             // of store init
    std::optional<std::string> lifetime; // of a link, as written
    session_changes changes;             // of set; list filters by status and client
    std::vector<std::pair<std::string, std::string>> headers; // of explain
};

/// One sentence without a full stop, such as: unknown command "sesions"; did you mean "sessions"?
struct usage_error {
    std::string sentence;
};

/// `words` are the arguments without the program's name. -c FILE may stand anywhere. Options may be
/// written as
/// --name VALUE or --name=VALUE; what follows -- is no option.
[[nodiscard]] boost::system::result<command_line, usage_error>
parse_arguments(const std::vector<std::string>& words);

} // namespace postern::edge
