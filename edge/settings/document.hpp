// What is written from the directives' table: help, the documented conf, the manual page.
#pragma once

#include <string>
#include <string_view>

namespace postern::edge {

/// `postern help`: all directives by context, a line each, indented by two spaces.
[[nodiscard]] std::string directive_list();

/// `postern help NAME`: all that is known of a directive; empty if there is none of this name.
[[nodiscard]] std::string directive_help(std::string_view name);

/// conf/postern.conf: each directive with its help and its default. What has no default stands as a
/// comment, unless `with_examples`: then as its example, so that a test can load those, too.
[[nodiscard]] std::string documented_conf(bool with_examples = false);

/// packaging/postern.1, in man(7)'s language.
[[nodiscard]] std::string manual_page(std::string_view version);

} // namespace postern::edge
