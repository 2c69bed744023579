// The directives: one table from which the checks, `postern help`, conf/postern.conf and the manual
// page come.
#pragma once

#include "edge/settings/settings.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// Where a directive may stand: bits of a set.
namespace context {
inline constexpr unsigned main = 1;
inline constexpr unsigned store = 2;
inline constexpr unsigned control = 4;
inline constexpr unsigned lifecycle = 8;
inline constexpr unsigned launcher = 16;
inline constexpr unsigned server = 32;
inline constexpr unsigned location = 64;
inline constexpr unsigned inherited = main | server | location; // the innermost one given holds
} // namespace context

/// "main, server or location".
[[nodiscard]] std::string text_of_contexts(unsigned contexts);

enum class block_rule { none, optional, required };

/// The kinds of location in which a directive means something: bits 1 << handler.
[[nodiscard]] constexpr unsigned for_handler(handler what) noexcept {
    return 1U << static_cast<unsigned>(what);
}
inline constexpr unsigned any_handler = ~0U;
inline constexpr unsigned words_unbounded = 1000;

/// One entry. A name has several entries where it means different things in different contexts;
/// their contexts are disjoint. All texts are plain ASCII; `more` may have several paragraphs,
/// separated by "\n".
struct directive {
    std::string_view name;
    unsigned contexts = 0;
    std::string_view arguments; // "PATH [capacity=N]"; empty: none
    unsigned words_min = 0;
    unsigned words_max = 0;
    std::string_view standard; // what holds when it is not given, as written; empty: nothing
    std::string_view line;     // help in one line, no full stop
    std::string_view more;     // what else one needs to know
    std::string_view example;  // a whole directive, in lines
    bool repeats = false;      // may be given several times in one block
    block_rule block = block_rule::none;
    unsigned opens = 0;                // the context of its block
    unsigned handlers = any_handler;   // in a location: with which handlers
    std::optional<handler> makes = {}; // it is a location's handler
};

/// In the order in which the documentation has them.
[[nodiscard]] const std::vector<directive>& all_directives();

/// The entry for a name in a context, or nullptr.
[[nodiscard]] const directive* find_directive(std::string_view name, unsigned in_context);
/// All entries with a name.
[[nodiscard]] std::vector<const directive*> entries_named(std::string_view name);

/// What was probably meant by an unknown name: a directive of `in_context` that is spelt alike or
/// does what nginx's directive of this name does, else one of any other context; empty if nothing
/// is near.
[[nodiscard]] std::string_view nearest_directive(std::string_view name, unsigned in_context);
/// The directive that has `word` among its arguments as it is ("ssl": listen), where only one has;
/// else empty.
[[nodiscard]] std::string_view directive_of_word(std::string_view word);
/// The word of `choices` that is spelt most like `word`, or empty.
[[nodiscard]] std::string_view nearest_of(std::string_view word,
                                          std::span<const std::string_view> choices);

// Parts of the table; a file each.
[[nodiscard]] std::span<const directive> process_directives();
[[nodiscard]] std::span<const directive> session_data_directives();
[[nodiscard]] std::span<const directive> dynamodb_directives();
[[nodiscard]] std::span<const directive> traffic_directives();
[[nodiscard]] std::span<const directive> server_directives();
[[nodiscard]] std::span<const directive> session_directives();
[[nodiscard]] std::span<const directive> tls_directives();

} // namespace postern::edge
