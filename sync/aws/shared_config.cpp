#include "sync/aws/shared_config.hpp"

#include "base/file.hpp"
#include "sync/aws/aws_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::aws {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// Up to a '#' or ';' with a blank before it.
std::string_view without_comment(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i)
        if ((text[i] == '#' || text[i] == ';') &&
            blanks.find(text[i - 1]) != std::string_view::npos)
            return trimmed(text.substr(0, i));
    return text;
}

/// The profile that a section's name stands for; empty: it is another kind of section.
std::string_view profile_of(std::string_view section, config_kind kind) {
    if (kind == config_kind::credentials || section == "default")
        return section;
    constexpr std::string_view word = "profile";
    if (!section.starts_with(word) || section.size() == word.size() ||
        blanks.find(section[word.size()]) == std::string_view::npos)
        return {};
    std::string_view name = trimmed(section.substr(word.size()));
    if (name.size() >= 2 && name.front() == name.back() && (name[0] == '"' || name[0] == '\''))
        name = name.substr(1, name.size() - 2);
    return name;
}

std::string lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

struct place {
    std::string path; // empty: nowhere
    bool is_said;     // by the variable, not by HOME
};

place place_of(const environment& env, const std::string& variable, std::string_view name) {
    const std::string home = env("HOME").value_or("");
    if (const auto said = env(variable))
        return {said->starts_with("~/") ? home + said->substr(1) : *said, true};
    return {home.empty() ? std::string{} : fmt::format("{}/.aws/{}", home, name), false};
}

/// A server that gave up its rights may still have the HOME of who started it, and cannot look
/// there.
bool counts_as_empty(const base::error_code& code, bool is_said) {
    namespace errc = boost::system::errc;
    return code == errc::no_such_file_or_directory ||
           (!is_said && (code == errc::permission_denied || code == errc::not_a_directory));
}

} // namespace

std::optional<std::string> setting(const profile& of, std::string_view name) {
    const auto at = of.find(name);
    return at == of.end() || at->second.empty() ? std::nullopt : std::optional{at->second};
}

base::result<void> shared_config::add(config_kind kind, std::string_view text,
                                      std::string_view path) {
    const auto wrong = [&](std::size_t line, std::string_view why) {
        return base::failure{aws_error::misconfigured, fmt::format("{}:{}: {}", path, line, why)};
    };
    profile* into = nullptr;
    bool is_in_section = false;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view whole = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(whole.size() + 1, text.size()));
        const std::string_view line = trimmed(whole);
        if (line.empty() || line[0] == '#' || line[0] == ';')
            continue;
        if (whole[0] == ' ' || whole[0] == '\t') // goes on with the setting above: a block
            continue;
        if (line[0] == '[') {
            const std::size_t end = line.find(']');
            if (end == std::string_view::npos)
                return wrong(number, "a section's name ends with ]");
            const std::string_view name = profile_of(trimmed(line.substr(1, end - 1)), kind);
            into = name.empty() ? nullptr : &profiles_[std::string{name}];
            is_in_section = true;
            continue;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0) // the line may hold a secret
            return wrong(number, "neither [SECTION] nor NAME = VALUE");
        if (!is_in_section)
            return wrong(number, "a setting before the first [SECTION]");
        if (into != nullptr)
            (*into)[lower(trimmed(line.substr(0, equals)))] =
                without_comment(trimmed(line.substr(equals + 1)));
    }
    return {};
}

base::result<shared_config> shared_config::load(const environment& env) {
    shared_config all;
    const auto take = [&](config_kind kind, const place& from) -> base::result<void> {
        const std::string& path = from.path;
        if (path.empty())
            return {};
        all.paths_ += (all.paths_.empty() ? "" : " and ") + path;
        const auto text = base::read_file(path, file_bytes_max);
        if (!text && counts_as_empty(text.error().code, from.is_said))
            return {};
        if (!text)
            return base::failure{aws_error::misconfigured, text.error().text()};
        return all.add(kind, *text, path);
    };
    // The credentials file second: it goes first where both say the same.
    if (auto done = take(config_kind::config, place_of(env, "AWS_CONFIG_FILE", "config")); !done)
        return done.error();
    if (auto done = take(config_kind::credentials,
                         place_of(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
        !done)
        return done.error();
    return all;
}

const profile* shared_config::find(std::string_view name) const {
    const auto at = profiles_.find(name);
    return at == profiles_.end() ? nullptr : &at->second;
}

} // namespace postern::sync::aws
