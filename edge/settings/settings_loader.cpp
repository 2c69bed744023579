#include "edge/settings/settings_loader.hpp"

#include "edge/settings/build.hpp"
#include "edge/settings/lexer.hpp"

#include <fmt/format.h>

#include <climits>
#include <unistd.h>

namespace postern::edge {
namespace {

std::string absolute(const std::string& file) {
    if (file.starts_with('/'))
        return file;
    char folder[PATH_MAX];
    return path_from(::getcwd(folder, sizeof folder) != nullptr ? folder : "/", file);
}

} // namespace

std::string settings_error::text() const {
    std::string out = shown(file, file.size()); // whole: people go there
    if (line != 0)
        out += fmt::format(":{}", line);
    out += ": ";
    if (!directive.empty())
        out += fmt::format("directive \"{}\": ", shown(directive));
    return out + reason;
}

settings_result load_settings(const std::string& file) {
    const std::string path = absolute(file);
    const auto text = read_conf_file(path);
    if (!text)
        return text.error();
    return parse_settings(*text, path);
}

settings_result parse_settings(const std::string& text, const std::string& file) {
    const std::string path = absolute(file);
    const conf_tree tree = parse_conf(text, path);
    complaints found;
    check_tree(tree, found);
    conf_draft draft = build_draft(tree, path, found);
    if (found.any())
        return *found.first();
    // What cannot be read stands behind all that could.
    if (tree.error)
        return *tree.error;
    settings made = finish(tree, std::move(draft), found);
    if (found.any())
        return *found.first();
    return made;
}

} // namespace postern::edge
