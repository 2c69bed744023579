#include "edge/cli/arguments.hpp"

#include "edge/settings/directives.hpp"
#include "edge/settings/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string_view>

namespace postern::edge {
namespace {

constexpr std::array<std::string_view, 6> commands = {"sessions", "store",   "table",
                                                      "help",     "version", "explain"};
constexpr std::array<std::string_view, 6> sessions_commands = {"list", "show", "set",
                                                               "rm",   "link", "unlink"};
constexpr std::array<std::string_view, 2> store_commands = {"init", "check"};
constexpr std::array<std::string_view, 2> table_commands = {"dump", "check"};
constexpr std::array<std::string_view, 4> signals = {"stop", "quit", "reload", "reopen"};

std::string did_you_mean(std::string_view word, std::span<const std::string_view> choices) {
    const std::string_view near = nearest_of(word, choices);
    if (!near.empty())
        return fmt::format("; did you mean \"{}\"?", near);
    return fmt::format("; there are {}", fmt::join(choices, ", "));
}

/// A name after a command, and where its value goes.
struct text_option {
    std::string_view name;
    std::optional<std::string> session_changes::*place;
    bool filters = false; // list knows it, too
};
constexpr text_option text_options[] = {
    {"--status", &session_changes::status, true},     {"--client", &session_changes::client, true},
    {"--target", &session_changes::target},           {"--user", &session_changes::user},
    {"--thread", &session_changes::thread},           {"--branch", &session_changes::branch},
    {"--instruction", &session_changes::instruction}, {"--reason", &session_changes::reason},
};

class parser {
  public:
    explicit parser(const std::vector<std::string>& words) : words_{words} {}

    boost::system::result<command_line, usage_error> run() {
        while (!error_ && at_ < words_.size())
            word(words_[at_++]);
        if (!error_)
            finish();
        if (error_)
            return *error_;
        return std::move(out_);
    }

  private:
    void fail(std::string sentence) {
        if (!error_)
            error_ = usage_error{std::move(sentence)};
    }

    void word(const std::string& text) {
        if (!only_words_ && text == "--") {
            only_words_ = true;
        } else if (!only_words_ && text.size() > 1 && text.starts_with('-')) {
            option(text);
        } else if (!command_) {
            command(text);
        } else if (needs_second_) {
            second_command(text);
        } else {
            subjects_.push_back(text);
        }
    }

    /// The value of the option that has just been read.
    std::optional<std::string> value(std::string_view name, std::string_view what) {
        if (inline_value_)
            return std::exchange(inline_value_, std::nullopt);
        if (at_ < words_.size())
            return words_[at_++];
        fail(fmt::format("{} is followed by {}", name, what));
        return std::nullopt;
    }

    void option(const std::string& text) {
        std::string name = text;
        if (const std::size_t equals = text.find('=');
            text.starts_with("--") && equals != std::string::npos) {
            name = text.substr(0, equals);
            inline_value_ = text.substr(equals + 1);
        }
        known_option(name);
        if (inline_value_)
            fail(fmt::format("{} takes no value", shown(name)));
    }

    void known_option(const std::string& name) {
        if (name == "-c" || name == "--conf") {
            if (const auto file = value(name, "a conf file")) {
                out_.conf_file = *file;
                if (file->empty())
                    fail("-c \"\" is no file");
            }
        } else if (name == "-t") {
            alone("-t", verb::test_conf);
        } else if (name == "-v" || name == "--version") {
            alone(name, verb::version);
        } else if (name == "-h" || name == "--help") {
            alone(name, verb::help);
        } else if (name == "-s") {
            signal_option();
        } else if (name == "-H" && out_.verb == verb::explain) {
            header_option();
        } else if (name == "--json" && (is(verb::sessions_list) || is(verb::sessions_show))) {
            out_.json = true;
        } else if (name == "--dry-run" && is(verb::store_init)) {
            out_.is_dry_run = true;
        } else if (name == "--for" && is(verb::sessions_link)) {
            if (out_.lifetime)
                fail("--for is there twice");
            out_.lifetime = value(name, "a time, such as 30m or 7d");
        } else if (!session_option(name)) {
            fail(fmt::format("unknown option \"{}\"{}", shown(name),
                             command_ ? " after " + *command_ : ""));
        }
    }

    [[nodiscard]] bool is(enum verb what) const {
        return command_ && !needs_second_ && out_.verb == what;
    }

    bool session_option(const std::string& name) {
        if (!is(verb::sessions_set) && !is(verb::sessions_list))
            return false;
        for (const text_option& known : text_options) {
            if (known.name != name || (is(verb::sessions_list) && !known.filters))
                continue;
            if (out_.changes.*known.place)
                fail(fmt::format("{} is there twice", name));
            out_.changes.*known.place = value(name, "a value");
            return true;
        }
        return false;
    }

    void alone(std::string_view name, enum verb what) {
        if (command_ || lone_)
            fail(fmt::format("{} stands for itself, not with {}", name,
                             command_ ? *command_ : *lone_));
        lone_ = name;
        out_.verb = what;
    }

    void signal_option() {
        alone("-s", verb::signal);
        const auto name = value("-s", "stop, quit, reload or reopen");
        if (!name)
            return;
        if (const auto what = master_signal_named(*name))
            out_.signal = *what;
        else
            fail(
                fmt::format("unknown signal \"{}\"{}", shown(*name), did_you_mean(*name, signals)));
    }

    void header_option() {
        const auto field = value("-H", "'Name: value'");
        if (!field)
            return;
        const std::size_t colon = field->find(':');
        if (colon == std::string::npos || colon == 0) {
            fail(fmt::format("\"{}\" is no header; write -H 'Name: value'", shown(*field)));
            return;
        }
        const std::size_t start = std::min(field->find_first_not_of(' ', colon + 1), field->size());
        out_.headers.emplace_back(field->substr(0, colon), field->substr(start));
    }

    void command(const std::string& text) {
        if (lone_) {
            fail(fmt::format("{} stands for itself, not with \"{}\"", *lone_, shown(text)));
        } else if (std::find(commands.begin(), commands.end(), text) == commands.end()) {
            fail(
                fmt::format("unknown command \"{}\"{}", shown(text), did_you_mean(text, commands)));
        } else {
            command_ = text;
            needs_second_ = text == "sessions" || text == "store" || text == "table";
            if (text == "help")
                help_words();
            if (text == "version")
                out_.verb = verb::version;
            if (text == "explain")
                out_.verb = verb::explain;
        }
    }

    /// `help --conf` and `help --man`: here --conf is no conf file's.
    void help_words() {
        out_.verb = verb::help;
        if (at_ == words_.size())
            return;
        if (words_[at_] == "--conf")
            out_.verb = verb::help_conf;
        if (words_[at_] == "--man")
            out_.verb = verb::help_man;
        if (out_.verb != verb::help)
            ++at_;
    }

    void second_command(const std::string& text) {
        constexpr enum verb of_sessions[] = {verb::sessions_list, verb::sessions_show,
                                             verb::sessions_set,  verb::sessions_rm,
                                             verb::sessions_link, verb::sessions_unlink};
        constexpr enum verb of_store[] = {verb::store_init, verb::store_check};
        constexpr enum verb of_table[] = {verb::table_dump, verb::table_check};
        using words = std::span<const std::string_view>;
        const auto [choices, verbs] =
            *command_ == "sessions"
                ? std::pair<words, const enum verb*>{sessions_commands, of_sessions}
            : *command_ == "store" ? std::pair<words, const enum verb*>{store_commands, of_store}
                                   : std::pair<words, const enum verb*>{table_commands, of_table};
        const auto found = std::find(choices.begin(), choices.end(), text);
        if (found == choices.end()) {
            fail(fmt::format("unknown command \"{} {}\"{}", *command_, shown(text),
                             did_you_mean(text, choices)));
            return;
        }
        out_.verb = verbs[found - choices.begin()];
        *command_ += " " + text;
        needs_second_ = false;
    }

    void finish() {
        if (needs_second_) {
            fail(*command_ == "sessions"
                     ? "sessions is followed by list, show, set, rm, link or unlink"
                 : *command_ == "store" ? "store is followed by init or check"
                                        : "table is followed by dump or check");
            return;
        }
        const std::size_t most = is(verb::sessions_list) || is(verb::store_init) ||
                                         is(verb::store_check) || is(verb::version) ||
                                         is(verb::help_conf) || is(verb::help_man)
                                     ? 0
                                     : 1;
        if (subjects_.size() > most) {
            fail(fmt::format("\"{}\" is one argument too many after {}", shown(subjects_[most]),
                             *command_));
            return;
        }
        if (!subjects_.empty())
            out_.subject = subjects_.front();
        const bool needs_id = is(verb::sessions_show) || is(verb::sessions_set) ||
                              is(verb::sessions_rm) || is(verb::sessions_link) ||
                              is(verb::sessions_unlink);
        if (needs_id && out_.subject.empty())
            fail(fmt::format("{} is followed by a session's ID", *command_));
        if (is(verb::explain) && out_.subject.empty())
            fail("explain is followed by a URL");
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    command_line out_;
    std::optional<usage_error> error_;
    std::optional<std::string> command_; // "sessions set"
    std::optional<std::string> lone_;    // -t, -s, -v
    std::optional<std::string> inline_value_;
    std::vector<std::string> subjects_;
    bool needs_second_ = false;
    bool only_words_ = false;
};

} // namespace

boost::system::result<command_line, usage_error>
parse_arguments(const std::vector<std::string>& words) {
    return parser{words}.run();
}

} // namespace postern::edge
