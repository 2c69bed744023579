#include "edge/settings/parser.hpp"

#include "base/file.hpp"
#include "edge/settings/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <glob.h>
#include <sys/stat.h>
#include <utility>

namespace postern::edge {
namespace {

constexpr std::string_view wildcards = "*?[";
constexpr std::size_t wildcards_max = 8;
constexpr std::size_t wild_folders_max = 2; // path components with wildcards

/// One reading of a conf. Each member answers whether to go on; the first error is kept.
class reader {
  public:
    reader(conf_tree& tree, std::string folder, const conf_limits& limits)
        : tree_{tree}, folder_{std::move(folder)}, limits_{limits} {}

    bool read_file(const std::string& text, const std::string& file,
                   std::vector<directive_node>& into, unsigned block_depth,
                   unsigned include_depth) {
        tree_.files.push_back(file);
        bytes_ += text.size();
        source from{lexer{text}, &tree_.files.back(), include_depth, {}};
        return read_block(from, into, nullptr, block_depth);
    }

  private:
    struct source {
        lexer words;
        const std::string* file;
        unsigned include_depth;
        token now;
    };

    bool fail(const source& from, unsigned line, std::string directive, std::string reason) {
        tree_.error = settings_error{*from.file, line, std::move(directive), std::move(reason)};
        return false;
    }

    bool advance(source& from) {
        if (auto wrong = from.words.next(from.now))
            return fail(from, wrong->line, {}, std::move(wrong->reason));
        return true;
    }

    /// Directives up to the block's "}", or to the end of the file for `opened` == nullptr.
    bool read_block(source& from, std::vector<directive_node>& into, const directive_node* opened,
                    unsigned depth) {
        for (;;) {
            if (!advance(from))
                return false;
            switch (from.now.kind) {
            case token::kind::end:
                return opened == nullptr ||
                       fail(from, from.now.line, {},
                            fmt::format(
                                "the file ends, but the block of \"{}\" in line {} has no \"}}\"",
                                shown(opened->name), opened->line));
            case token::kind::close:
                return opened != nullptr ||
                       fail(from, from.now.line, {},
                            "\"}\" closes no block; is a \"{\" missing above?");
            case token::kind::semicolon:
                return fail(from, from.now.line, {}, "\";\" ends no directive; one too many?");
            case token::kind::open:
                return fail(from, from.now.line, {}, "\"{\" opens a block of no directive");
            case token::kind::word:
                if (!read_directive(from, into, depth))
                    return false;
            }
        }
    }

    bool read_directive(source& from, std::vector<directive_node>& into, unsigned depth) {
        if (++directives_ > limits_.directives)
            return fail(from, from.now.line, {},
                        fmt::format("more than {} directives", limits_.directives));
        directive_node node;
        node.name = std::exchange(from.now.text, {});
        node.line = from.now.line;
        node.file = from.file;
        node.order = directives_;
        if (!read_words(from, node))
            return false;
        if (node.name == "include")
            return include(from, node, into, depth);
        if (from.now.kind == token::kind::open) {
            node.has_block = true;
            into.push_back(std::move(node));
            return read_children(from, into, depth);
        }
        into.push_back(std::move(node));
        return true;
    }

    bool read_children(source& from, std::vector<directive_node>& into, unsigned depth) {
        if (depth + 1 > limits_.block_depth)
            return fail(from, from.now.line, into.back().name,
                        fmt::format("blocks lie more than {} deep here", limits_.block_depth));
        // Read beside the node: `into` does not grow meanwhile, but its node is to be found whole
        // after an error, too.
        std::vector<directive_node> children;
        const bool good = read_block(from, children, &into.back(), depth + 1);
        into.back().children = std::move(children);
        return good;
    }

    /// Arguments up to ";" or "{".
    bool read_words(source& from, directive_node& node) {
        for (;;) {
            if (!advance(from))
                return false;
            switch (from.now.kind) {
            case token::kind::word:
                if (node.words.size() == limits_.words)
                    return fail(
                        from, from.now.line, node.name,
                        fmt::format("more than {} arguments; is a \";\" missing?", limits_.words));
                node.words.push_back({std::exchange(from.now.text, {}), from.now.line});
                break;
            case token::kind::semicolon:
            case token::kind::open:
                return true;
            case token::kind::close:
                return fail(from, last_line(node), node.name,
                            "a \";\" is missing before the \"}\"");
            case token::kind::end:
                return fail(from, last_line(node), node.name, "the file ends before its \";\"");
            }
        }
    }

    static unsigned last_line(const directive_node& node) {
        return node.words.empty() ? node.line : node.words.back().line;
    }

    bool include(source& from, const directive_node& node, std::vector<directive_node>& into,
                 unsigned depth) {
        const auto refuse = [&](std::string reason) {
            return fail(from, node.line, node.name, std::move(reason));
        };
        if (from.now.kind == token::kind::open)
            return refuse("takes no block; end it with \";\"");
        if (node.words.size() != 1)
            return refuse(fmt::format("takes 1 argument (FILE), not {}", node.words.size()));
        if (from.include_depth >= limits_.include_depth)
            return refuse(
                fmt::format("files include each other more than {} deep", limits_.include_depth));
        std::vector<std::string> found;
        if (auto reason = files_of(node.words[0].text, found))
            return refuse(std::move(*reason));
        for (const std::string& file : found) {
            if (tree_.files.size() >= limits_.files)
                return refuse(fmt::format("more than {} files", limits_.files));
            const auto text = read_conf_file(file, limits_.file_bytes);
            if (!text)
                return refuse(fmt::format("{}: {}", shown(file), text.error().reason));
            if (bytes_ + text->size() > limits_.all_bytes)
                return refuse(
                    fmt::format("more than {} MiB of conf files", limits_.all_bytes >> 20));
            if (!read_file(*text, file, into, depth, from.include_depth + 1))
                return false;
        }
        return true;
    }

    /// The files that `include WORD` means, sorted; a pattern may mean none. An answer is what is
    /// wrong.
    std::optional<std::string> files_of(const std::string& word,
                                        std::vector<std::string>& out) const {
        if (word.empty())
            return "\"\" is no file";
        const std::string path = path_from(folder_, word);
        if (word.find_first_of(wildcards) == std::string::npos) {
            out.push_back(path);
            return std::nullopt;
        }
        // A bound on how many folders a pattern can walk.
        std::size_t signs = 0;
        std::size_t folders = 0;
        for (std::size_t start = 0; start <= word.size();) {
            const std::size_t end = std::min(word.find('/', start), word.size());
            const auto wild =
                std::count_if(word.begin() + static_cast<std::ptrdiff_t>(start),
                              word.begin() + static_cast<std::ptrdiff_t>(end),
                              [](char c) { return wildcards.find(c) != std::string_view::npos; });
            signs += static_cast<std::size_t>(wild);
            folders += wild > 0;
            start = end + 1;
        }
        if (signs > wildcards_max || folders > wild_folders_max)
            return fmt::format("\"{}\" has too many wildcards; {} in {} parts of the path at most",
                               shown(word), wildcards_max, wild_folders_max);
        glob_t matches{};
        const int outcome = ::glob(path.c_str(), 0, nullptr, &matches);
        if (outcome == 0)
            for (std::size_t i = 0; i < matches.gl_pathc; ++i)
                out.emplace_back(matches.gl_pathv[i]);
        ::globfree(&matches);
        if (outcome == GLOB_NOSPACE)
            return "out of memory";
        return std::nullopt;
    }

    conf_tree& tree_;
    std::string folder_;
    conf_limits limits_;
    std::size_t bytes_ = 0;
    std::size_t directives_ = 0;
};

} // namespace

conf_tree parse_conf(const std::string& text, const std::string& file, const conf_limits& limits) {
    conf_tree tree;
    if (text.size() > limits.file_bytes) {
        tree.error =
            settings_error{file, 0, {}, fmt::format("is larger than {} bytes", limits.file_bytes)};
        return tree;
    }
    // A failure to read leaves its reason in the tree.
    static_cast<void>(reader{tree, folder_of(file), limits}.read_file(text, file, tree.top, 0, 0));
    return tree;
}

boost::system::result<std::string, settings_error> read_conf_file(const std::string& file,
                                                                  std::size_t bytes_max) {
    const auto failed = [&](std::string reason) {
        return settings_error{file, 0, {}, std::move(reason)};
    };
    // Looked at before it is opened: a FIFO would wait for its other end.
    struct stat what {};
    if (::stat(file.c_str(), &what) != 0)
        return failed(std::strerror(errno));
    if (!S_ISREG(what.st_mode))
        return failed("is no regular file");
    auto text = base::read_file(file, bytes_max);
    if (text)
        return {boost::system::in_place_value, std::move(*text)};
    if (text.error().code == boost::system::errc::file_too_large)
        return failed(fmt::format("is larger than {} bytes", bytes_max));
    return failed(text.error().code.message());
}

std::string folder_of(const std::string& file) {
    const std::size_t slash = file.rfind('/');
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : file.substr(0, slash);
}

std::string path_from(const std::string& folder, const std::string& path) {
    if (path.starts_with('/'))
        return path;
    return folder.ends_with('/') ? folder + path : folder + "/" + path;
}

} // namespace postern::edge
