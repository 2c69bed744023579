#include "edge/settings/document.hpp"

#include "edge/settings/directives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace postern::edge {
namespace {

struct part {
    unsigned in_context;
    std::string_view title;
};
constexpr part parts[] = {
    {context::main, "In the main part"},    {context::store, "In store { }"},
    {context::control, "In control { }"},   {context::lifecycle, "In lifecycle { }"},
    {context::launcher, "In launcher { }"}, {context::server, "In server { }"},
    {context::location, "In location { }"},
};

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines(1);
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        std::string& line = lines.back();
        if (line.empty())
            line = word;
        else if (line.size() + 1 + word.size() <= width)
            line.append(" ").append(word);
        else
            lines.emplace_back(word);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return lines;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    for (;;) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return lines;
        text.remove_prefix(end + 1);
    }
}

std::string head_of(const directive& d) {
    std::string out{d.name};
    if (!d.arguments.empty())
        out.append(" ").append(d.arguments);
    return out;
}

std::string syntax_of(const directive& d) {
    const std::string head = head_of(d);
    switch (d.block) {
    case block_rule::none:
        break;
    case block_rule::optional:
        return head + "; or " + head + " { ... }";
    case block_rule::required:
        return head + " { ... }";
    }
    return head + ";";
}

/// Writes the documented conf.
class conf_writer {
  public:
    explicit conf_writer(bool with_examples) : with_examples_{with_examples} {}

    std::string run() {
        out_ = "# Every directive of postern with its default. What has no default stands as an "
               "example "
               "behind a #.\n"
               "# Written by \"postern help --conf\"; \"postern help DIRECTIVE\" tells more about "
               "one, and\n"
               "# \"postern -t\" checks a conf.\n"
               "#\n"
               "# Units: ms s m h d for times (a bare number is seconds), k m g for sizes. "
               "Relative paths "
               "start at this file's\n"
               "# folder. {name} is a capture: a part of a path or host name. Directives that "
               "servers and "
               "locations share hold for\n"
               "# all that is within the block in which they stand.\n";
        for (const directive& d : all_directives())
            if ((d.contexts & context::main) != 0)
                write(d, context::main);
        return std::move(out_);
    }

  private:
    void line(std::string_view text, bool as_comment = false) {
        if (!text.empty())
            out_.append(depth_ * 4, ' ').append(as_comment ? "# " : "").append(text);
        out_ += '\n';
    }

    void write(const directive& d, unsigned in_context) {
        if (d.name == "include" && in_context != context::main)
            return;
        out_ += '\n';
        for (const std::string& text : wrapped(fmt::format("{}.", d.line), 110 - 4 * depth_))
            line(text, true);
        if (d.opens != 0)
            write_block(d);
        else if (!d.standard.empty())
            line(fmt::format("{} {};", d.name, d.standard));
        else
            write_example(d);
    }

    void write_example(const directive& d) {
        // Within a block that is a comment as a whole, one # is enough.
        const bool live = in_comment_ || (with_examples_ && can_be_live(d));
        for (const std::string_view text : lines_of(d.example))
            line(text, !live);
    }

    /// Not those that need something on the host, or that exclude each other.
    static bool can_be_live(const directive& d) {
        return !d.makes && d.contexts != context::store && d.name != "include" &&
               d.name != "user" && d.name != "page";
    }

    void write_block(const directive& d) {
        if (d.opens == context::server) {
            write_server();
            return;
        }
        const std::size_t start = out_.size();
        const std::string words =
            d.standard.empty() ? std::string{d.arguments} : std::string{d.standard};
        line(fmt::format("{}{}{} {{", d.name, words.empty() ? "" : " ", words));
        in_comment_ = d.opens == context::launcher && !with_examples_;
        write_content(d.opens);
        line("}");
        if (std::exchange(in_comment_, false))
            comment_out(start);
    }

    void write_content(unsigned in_context) {
        const std::size_t start = out_.size();
        ++depth_;
        for (const directive& d : all_directives())
            if ((d.contexts & in_context) != 0)
                write(d, in_context);
        --depth_;
        if (out_.compare(start, 1, "\n") == 0)
            out_.erase(start, 1); // no empty line behind the brace
    }

    /// A server that works as it stands: a page that says so. The other locations are there to be
    /// uncommented.
    void write_server() {
        line("server {");
        ++depth_;
        for (const directive& d : all_directives()) {
            if ((d.contexts & context::server) == 0 || (d.contexts & context::main) != 0 ||
                d.name == "location")
                continue;
            if (d.name != "listen")
                out_ += '\n';
            for (const std::string& text : wrapped(fmt::format("{}.", d.line), 106))
                line(text, true);
            if (d.standard.empty())
                write_example(d);
            else
                line(fmt::format("{} {};", d.name, d.standard));
        }
        write_location("/session/{threadId}/", handler::session);
        write_location("/assets/", handler::static_files);
        write_location("/hermes/", handler::proxy);
        write_location("/api/sessions/", handler::control);
        out_ += '\n';
        line("location / {");
        line("    return 200 \"postern is up; its conf has no site yet\\n\";");
        line("}");
        --depth_;
        line("}");
    }

    void write_location(std::string_view path, handler what) {
        out_ += '\n';
        const std::size_t start = out_.size();
        line(fmt::format("location {} {{", path));
        ++depth_;
        for (const directive& d : all_directives()) {
            const bool own =
                d.makes == what ||
                (d.name == "port" && d.contexts == context::location && what == handler::session);
            if (!own)
                continue;
            line(fmt::format("{}.", d.line), true);
            for (const std::string_view text : lines_of(d.example))
                line(text);
        }
        --depth_;
        line("}");
        if (!with_examples_)
            comment_out(start);
    }

    /// Puts a # before each line from `start` on, behind its indentation.
    void comment_out(std::size_t start) {
        const std::string block = out_.substr(start, out_.size() - 1 - start);
        out_.resize(start);
        const std::string indent(depth_ * 4, ' ');
        for (const std::string_view text : lines_of(block)) {
            const std::string_view rest = text.substr(std::min(text.size(), indent.size()));
            out_.append(indent)
                .append("#")
                .append(rest.empty() ? "" : " ")
                .append(rest)
                .append("\n");
        }
    }

    bool with_examples_;
    bool in_comment_ = false;
    std::size_t depth_ = 0;
    std::string out_;
};

} // namespace

std::string directive_list() {
    std::string out =
        "Directives, by where they may stand (postern help DIRECTIVE tells more of one):\n";
    for (const part& p : parts) {
        out += fmt::format("\n{}:\n", p.title);
        for (const directive& d : all_directives()) {
            const bool here = (d.contexts & p.in_context) != 0;
            // Those of several contexts are listed once, in the outermost.
            const bool outermost = (d.contexts & (p.in_context - 1)) == 0;
            if (here && outermost)
                out += fmt::format("  {:<26} {}\n", d.name, d.line);
        }
    }
    return out;
}

std::string directive_help(std::string_view name) {
    std::string out;
    for (const directive* const d : entries_named(name)) {
        if (!out.empty())
            out += '\n';
        out += fmt::format("{}\n\n  syntax   {}\n", d->name, syntax_of(*d));
        if (!d->standard.empty())
            out += fmt::format("  default  {} {};\n", d->name, d->standard);
        out += fmt::format("  context  {}{}\n", text_of_contexts(d->contexts),
                           d->repeats ? "; may be repeated" : "");
        out += '\n';
        std::string text = fmt::format("{}.", d->line);
        if (!d->more.empty())
            text.append(" ").append(d->more);
        for (const std::string& line : wrapped(text, 96))
            out += fmt::format("  {}\n", line);
        out += "\n  For example:\n";
        for (const std::string_view line : lines_of(d->example))
            out += fmt::format("    {}\n", line);
    }
    return out;
}

std::string documented_conf(bool with_examples) {
    return conf_writer{with_examples}.run();
}

} // namespace postern::edge
