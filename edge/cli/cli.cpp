#include "edge/cli/cli.hpp"

#include "base/utf8.hpp"
#include "edge/cli/start_checks.hpp"
#include "edge/cli/version.hpp"
#include "edge/master/open_files.hpp"
#include "edge/settings/directives.hpp"
#include "edge/settings/document.hpp"
#include "edge/settings/lexer.hpp"
#include "edge/settings/settings_loader.hpp"
#include "edge/tls/tls_contexts.hpp"

#include <fmt/format.h>

#include <ctime>
#include <ostream>

namespace postern::edge {
namespace {

namespace errc = boost::system::errc;

constexpr std::string_view usage = R"(usage: postern [-c FILE] [COMMAND]

    (no command)         run in the foreground
    -t                   check the conf, and the files and folders that a start needs
    -s SIGNAL            tell the running postern to stop, quit, reload or reopen
    sessions list        the sessions in the store  [--client ID] [--status STATUS] [--json]
    sessions show ID     all about one              [--json]
    sessions set ID      make or change one         [--status STATUS] [--target ADDRESS:PORT|none] [--client ID]
                         [--user ID] [--thread ID] [--branch NAME] [--instruction TEXT] [--reason TEXT]
    sessions rm ID       remove one
    sessions link ID     a signed link to one       [--for TIME]
    sessions unlink ID   revoke all links to one
    store check          look at the store: a table in DynamoDB is compared with the conf
    store init           make the tables in DynamoDB that the conf names  [--dry-run]
    table dump [FILE]    show the session table     table check [FILE]   verify it
    explain URL          where a request would go   [-H 'Name: value'] ...
    help [DIRECTIVE]     this, or all about a directive; --conf: the documented conf; --man: the manual page
    version              the version

The conf is /etc/postern/postern.conf unless -c names another.

)";

int run_help(const command_line& line, const console& to) {
    if (line.subject.empty()) {
        to.out << usage << directive_list();
        return exit_ok;
    }
    std::string_view name = line.subject;
    if (const std::string_view of = directive_of_word(name);
        entries_named(name).empty() && !of.empty()) {
        to.out << fmt::format("\"{}\" is a word of {}.\n\n", name, of);
        name = of;
    }
    const std::string text = directive_help(name);
    if (text.empty()) {
        std::string sentence = fmt::format("there is no directive \"{}\"", shown(line.subject));
        if (const std::string_view near = nearest_directive(line.subject, context::main);
            !near.empty())
            sentence += fmt::format("; did you mean \"{}\"?", near);
        return to.refuse(exit_usage, sentence);
    }
    to.out << text;
    return exit_ok;
}

int run_test(const settings& conf, const console& to) {
    for (const std::string& doubt : doubts_about(conf))
        to.err << "postern: warning: " << doubt << "\n";
    if (const auto doubt = doubt_open_files(conf))
        to.err << "postern: warning: " << *doubt << "\n";
    std::vector<std::string> obstacles = start_obstacles(conf);
    if (const auto tls = tls_contexts::load(conf, nullptr, std::time(nullptr)); !tls)
        obstacles.push_back(tls.error().text());
    else
        for (const std::string& doubt : (*tls)->doubts())
            to.err << "postern: warning: " << doubt << "\n";
    for (const std::string& obstacle : obstacles)
        to.err << "postern: " << base::printable(obstacle) << "\n";
    // nginx's words, and like its on stderr: scripts look for them.
    to.err << "postern: configuration file " << conf.file
           << (obstacles.empty() ? " test is successful\n" : " test failed\n");
    return obstacles.empty() ? exit_ok : exit_failed;
}

int run_signal(const command_line& line, const settings& conf, const console& to) {
    if (conf.pid_file.empty())
        return to.refuse(
            exit_failed,
            fmt::format("{} has \"pid off\": there is no file that tells which process to signal",
                        shown(conf.file)));
    const auto sent = signal_master(conf.pid_file, line.signal);
    if (sent)
        return exit_ok;
    const base::error_code code = sent.error().code;
    if (code == errc::no_such_process || code == errc::no_such_file_or_directory)
        return to.refuse(exit_failed, fmt::format("no postern runs with {} (pid {})",
                                                  shown(conf.file), shown(conf.pid_file)));
    if (code == errc::operation_not_permitted || code == errc::permission_denied)
        return to.refuse(exit_failed, fmt::format("no permission to signal the postern of {}; try "
                                                  "as root or as the user that started it",
                                                  shown(conf.pid_file)));
    return to.refuse(exit_failed, sent.error().text());
}

int run_with_conf(const command_line& line, const console& to) {
    const auto conf = load_settings(line.conf_file);
    if (!conf)
        return to.refuse(exit_bad_conf, conf.error().text());
    switch (line.verb) {
    case verb::test_conf:
        return run_test(*conf, to);
    case verb::signal:
        return run_signal(line, *conf, to);
    case verb::table_dump:
    case verb::table_check:
        return run_table(line, *conf, to);
    case verb::explain:
        return run_explain(line, *conf, to);
    case verb::store_init:
    case verb::store_check:
        return run_store(line, *conf, to);
    default:
        return run_sessions(line, *conf, to);
    }
}

int run_verb(const command_line& line, const console& to) {
    switch (line.verb) {
    case verb::run:
        return run_master(line.conf_file);
    case verb::version:
        to.out << "postern " << version << "\n";
        return exit_ok;
    case verb::help:
        return run_help(line, to);
    case verb::help_conf:
        to.out << documented_conf();
        return exit_ok;
    case verb::help_man:
        to.out << manual_page(version);
        return exit_ok;
    case verb::table_dump:
    case verb::table_check:
        // A file of its own needs no conf.
        if (!line.subject.empty())
            return run_table(line, {}, to);
        return run_with_conf(line, to);
    default:
        return run_with_conf(line, to);
    }
}

} // namespace

int console::refuse(int exit_code, const std::string& sentence) const {
    err << "postern: " << sentence << "\n";
    return exit_code;
}

int run_command_line(const std::vector<std::string>& words, const console& to) {
    const auto line = parse_arguments(words);
    if (!line) {

        return to.refuse(exit_usage, line.error().sentence + " (postern help)");
    }
    const int code = run_verb(*line, to);
    to.out.flush();
    if (code == exit_ok && !to.out)
        return to.refuse(exit_failed, "cannot write to standard output");
    return code;
}

} // namespace postern::edge
