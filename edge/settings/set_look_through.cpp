// What "look_through" says: whether, how and how often the table is asked for sessions that are not
// known here.
#include "edge/settings/build.hpp"
#include "edge/settings/setters.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using answer = std::optional<complaint>;

constexpr std::string_view ids[] = {"sessionId", "clientId", "userId", "threadId"};

/// A word "NAME=VALUE".
answer set_bound(const std::string& word, dynamodb_settings::unknown_keys& out) {
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string_view name = std::string_view{word}.substr(0, equals);
    const std::string_view value = std::string_view{word}.substr(std::min(equals + 1, word.size()));
    const auto named = [&](answer wrong) {
        return wrong ? complaint{fmt::format("{}: {}", name, wrong->text)} : wrong;
    };
    if (name == "within")
        return named(take(duration_of(value, {100ms, 30s}), out.within));
    if (name == "rate")
        return named(take(request_rate_of(value, {}), out.reads));
    if (name == "calls")
        return named(take(count_of(value, {1, 64}), out.calls));
    if (name == "held")
        return named(take(count_of(value, {1, 100'000}), out.held));
    return complaint{
        fmt::format("\"{}\" is not known; write within=TIME, rate=NUMBERr/s, calls=NUMBER or "
                    "held=NUMBER",
                    shown(word))};
}

} // namespace

answer set_look_through(const call& c, dynamodb_settings::unknown_keys& out) {
    dynamodb_settings::unknown_keys made;
    if (c.word(0) == "off") {
        if (c.count() > 1)
            return complaint{fmt::format("\"{}\": nothing may follow off", shown(c.word(1)))};
        made.on = false;
        out = made;
        return std::nullopt;
    }
    std::size_t first = c.word(0) == "on" ? 1 : 0;
    if (first < c.count() && c.word(first).find('{') != std::string::npos) {
        const auto id = template_of(c.word(first), ids);
        if (!id)
            return id.error();
        made.session_id = *id;
        ++first;
    }
    for (std::size_t i = first; i < c.count(); ++i)
        if (auto wrong = set_bound(c.word(i), made))
            return wrong;
    if (auto wrong = named_twice(c, first))
        return wrong;
    out = std::move(made);
    return std::nullopt;
}

void settle_look_through(const conf_tree& tree, const base::text_template& route_key,
                         store_settings& made, complaints& found) {
    auto& look = made.dynamodb.look_through;
    if (!made.looks_through())
        return;
    const auto* const said = find_node(tree.top, {"store", "look_through"});
    const bool is_told = !look.session_id.empty();
    if (!is_told)
        look.session_id = base::text_template::parse("{sessionId}").value();
    const auto known = route_key.names();
    for (const std::string_view name : look.session_id.names()) {
        if (std::find(known.begin(), known.end(), name) != known.end())
            continue;
        look.on = false; // the default is for route keys that it fits
        if (said != nullptr)
            found.note(*said, fmt::format("route_key {} has no {{{}}}: a session's id cannot be "
                                          "told from its URL; write what it is made of, of {}, or "
                                          "\"look_through off;\"",
                                          route_key.text(), name, braced_list(known)));
        return;
    }
}

} // namespace postern::edge
