// What the store block holds.
#include "edge/settings/build.hpp"
#include "edge/settings/directives.hpp"
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <map>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using answer = std::optional<complaint>;

constexpr std::string_view for_both[] = {"include", "flush", "poll"};
constexpr std::string_view ids[] = {"sessionId", "clientId", "userId", "threadId"};
constexpr std::string_view times[] = {"startedAt", "createdAt", "lastActivityAt", "ttl"};
constexpr std::size_t attribute_bytes_max = 255; // DynamoDB, "Naming rules"; of keys

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&choices)[N]) {
    return std::find(std::begin(choices), std::end(choices), word) != std::end(choices);
}

answer set_flush(const call& c, store_settings& out) {
    return take(duration_of(c.word(0), {100ms, 1h}), out.flush);
}
answer set_poll(const call& c, store_settings& out) {
    return take(duration_of(c.word(0), {10ms, 1min}), out.poll);
}

parsed<std::string> word_of(const std::string& text, std::string_view what) {
    const bool good = !text.empty() && text.size() <= attribute_bytes_max &&
                      std::none_of(text.begin(), text.end(),
                                   [](char b) { return static_cast<unsigned char>(b) <= ' '; });
    if (good)
        return {boost::system::in_place_value, text};
    return complaint{fmt::format("\"{}\" is no {}: 1 to {} bytes without blanks", shown(text), what,
                                 attribute_bytes_max)};
}

answer set_region(const call& c, store_settings& out) {
    const std::string& name = c.word(0);
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char b) {
        return (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-';
    });
    if (!good)
        return complaint{
            fmt::format("\"{}\" is no region; write one such as us-east-1", shown(name))};
    out.dynamodb.region = name;
    return std::nullopt;
}

answer set_profile(const call& c, store_settings& out) {
    return take(word_of(c.word(0), "profile"), out.dynamodb.profile);
}

/// An origin: no path, nothing behind it.
parsed<std::string> origin_of(std::string_view text) {
    std::string_view rest = text;
    for (const std::string_view scheme : {"https://", "http://"})
        if (rest.starts_with(scheme))
            rest.remove_prefix(scheme.size());
    if (rest.size() == text.size() || rest.empty() ||
        rest.find_first_of("/?#@ ") != std::string_view::npos)
        return complaint{fmt::format("\"{}\" is no endpoint; write http://127.0.0.1:8000 or "
                                     "https://host, without a path",
                                     shown(text))};
    return {boost::system::in_place_value, text};
}

answer set_endpoint(const call& c, store_settings& out) {
    if (auto wrong = take(origin_of(c.word(0)), out.dynamodb.endpoint))
        return wrong;
    if (c.count() == 1)
        return std::nullopt;
    const auto streams = keyed_word(c.word(1), "streams=https://host");
    if (!streams)
        return streams.error();
    return take(origin_of(*streams), out.dynamodb.streams_endpoint);
}

answer set_key(const call& c, store_settings& out) {
    auto& keys = out.dynamodb.keys;
    if (keys.size() == 2)
        return complaint{"a table has two keys at most, the hash key and the range key"};
    auto attribute = word_of(c.word(0), "attribute");
    if (!attribute)
        return attribute.error();
    const auto value = template_of(c.word(1), ids);
    if (!value)
        return value.error();
    const auto& pieces = value->pieces();
    if (pieces.empty() || pieces.size() > 2 || !pieces.back().is_name ||
        (pieces.size() == 2 && pieces.front().is_name))
        return complaint{fmt::format("\"{}\" is no key's value; write a text with one of {} at its "
                                     "end, such as SESSION#{{sessionId}}",
                                     shown(c.word(1)), braced_list(ids))};
    if (keys.empty() && pieces.back().text != "sessionId")
        return complaint{
            fmt::format("\"{}\": the first key, the hash key, ends with {{sessionId}}: "
                        "sessions are asked for by it",
                        shown(c.word(1)))};
    if (!keys.empty() && keys.front().attribute == *attribute)
        return complaint{fmt::format("\"{}\" is the other key's attribute", shown(*attribute))};
    keys.push_back({std::move(*attribute), c.word(1)});
    return std::nullopt;
}

answer set_map(const call& c, store_settings& out) {
    const std::string& field = c.word(0);
    if (!is_one_of(field, mapped_fields)) {
        const std::string_view near = nearest_of(field, mapped_fields);
        return complaint{
            fmt::format("\"{}\" is not known of a session; {}", shown(field),
                        near.empty() ? fmt::format("there are {}", fmt::join(mapped_fields, ", "))
                                     : fmt::format("did you mean \"{}\"?", near))};
    }
    for (const auto& other : out.dynamodb.maps)
        if (other.field == field)
            return complaint{fmt::format("{} is mapped to \"{}\" already", field, other.attribute)};
    auto attribute = word_of(c.word(1), "attribute");
    if (!attribute)
        return attribute.error();
    dynamodb_settings::mapping made{field, std::move(*attribute), {}};
    if (c.count() == 3) {
        constexpr std::string_view forms[] = {"iso", "seconds", "milliseconds"};
        if (const auto form = choice_of(c.word(2), forms); !form)
            return form.error();
        if (!is_one_of(field, times))
            return complaint{fmt::format("{} is no time; nothing may follow its attribute", field)};
        if (field == "ttl" && c.word(2) != "seconds")
            return complaint{"ttl is in seconds: DynamoDB deletes by it"};
        made.form = c.word(2);
    }
    out.dynamodb.maps.push_back(std::move(made));
    return std::nullopt;
}

answer set_port(const call& c, store_settings& out) {
    return take(count_of(c.word(0), {1, 65'535}), out.dynamodb.port);
}

answer set_containers(const call& c, store_settings& out) {
    dynamodb_settings::containers_table made;
    if (auto wrong = take(table_name_of(c.word(0)), made.table))
        return wrong;
    for (std::size_t i = 1; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        const std::size_t equals = word.find('=');
        const std::string_view name = std::string_view{word}.substr(0, equals);
        std::string* const place = name == "key"    ? &made.key
                                   : name == "ip"   ? &made.ip
                                   : name == "port" ? &made.port
                                                    : nullptr;
        if (place == nullptr || equals == std::string::npos)
            return complaint{
                fmt::format("\"{}\" is not known; write key=ATTRIBUTE, ip=ATTRIBUTE or "
                            "port=ATTRIBUTE",
                            shown(word))};
        if (auto wrong = take(word_of(word.substr(equals + 1), "attribute"), *place))
            return wrong;
    }
    if (auto wrong = named_twice(c))
        return wrong;
    out.dynamodb.containers = std::move(made);
    return std::nullopt;
}

answer set_feed(const call& c, store_settings& out) {
    constexpr std::string_view kinds[] = {"streams", "poll", "redis"};
    const auto kind = choice_of(c.word(0), kinds);
    if (!kind)
        return kind.error();
    if (*kind == 2)
        return set_redis(c, out.dynamodb.redis);
    out.dynamodb.feed_polls = *kind == 1;
    if (c.count() == 1)
        return std::nullopt;
    if (c.count() > 2)
        return complaint{fmt::format("\"{}\": too much; write a time at most", shown(c.word(2)))};
    if (*kind == 0)
        return complaint{"a stream is read as fast as it has changes; nothing may follow streams"};
    return take(duration_of(c.word(1), {1s, 1h}), out.dynamodb.poll_interval);
}

answer set_call_timeout(const call& c, store_settings& out) {
    return take(duration_of(c.word(0), {500ms, 1min}), out.dynamodb.call_timeout);
}

answer set_look_through(const call& c, store_settings& out) {
    return edge::set_look_through(c, out.dynamodb.look_through);
}

const setter<store_settings> store_table[] = {
    {"flush", set_flush},
    {"poll", set_poll},
    {"region", set_region},
    {"profile", set_profile},
    {"endpoint", set_endpoint},
    {"key", set_key},
    {"map", set_map},
    {"port", set_port},
    {"containers", set_containers},
    {"feed", set_feed},
    {"call_timeout", set_call_timeout},
    {"look_through", set_look_through},
};

/// Which field or key an attribute stands for; a second one is complained about.
void check_attributes(const directive_node& block, const dynamodb_settings& made,
                      complaints& found) {
    std::map<std::string, std::string_view> holders; // by attribute
    std::string in_keys = made.keys.empty() ? "{sessionId}" : "";
    for (const auto& key : made.keys) {
        holders[key.attribute] = "a key";
        in_keys += key.value;
    }
    if (made.keys.empty())
        holders["sessionId"] = "a key";
    for (const std::string_view field : mapped_fields) {
        if (in_keys.find(fmt::format("{{{}}}", field)) != std::string::npos ||
            (field == "containerId" && !made.containers))
            continue;
        const auto map = std::find_if(made.maps.begin(), made.maps.end(),
                                      [&](const auto& m) { return m.field == field; });
        const std::string attribute = map == made.maps.end() ? std::string{field} : map->attribute;
        const auto [other, is_new] = holders.try_emplace(attribute, field);
        if (!is_new)
            found.note(block, fmt::format("the attribute \"{}\" stands for {} and for {}; write a "
                                          "map for one of them",
                                          shown(attribute), other->second, field));
    }
}

} // namespace

std::span<const setter<store_settings>> store_setters() {
    return store_table;
}

parsed<std::string> table_name_of(const std::string& text) {
    const bool good =
        text.size() >= 3 && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char b) {
            return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                   b == '_' || b == '-' || b == '.';
        });
    if (good)
        return {boost::system::in_place_value, text};
    return complaint{
        fmt::format("\"{}\" is no table's name: 3 to 255 letters, digits and _ - .", shown(text))};
}

void check_store(const conf_tree& tree, const store_settings& made, complaints& found) {
    const auto* const block = find_node(tree.top, {"store"});
    if (block == nullptr)
        return;
    if (made.which == store_settings::kind::dynamodb) {
        const auto* const containers = find_node(tree.top, {"store", "containers"});
        if (containers != nullptr && made.dynamodb.containers &&
            made.dynamodb.containers->table == made.dynamodb.table)
            found.note(*containers,
                       fmt::format("\"{}\" is the table of the sessions; write the one "
                                   "that has the containers, or nothing where the "
                                   "sessions have their addresses themselves",
                                   shown(made.dynamodb.table)));
        return check_attributes(*block, made.dynamodb, found);
    }
    for (const directive_node& node : block->children)
        if (!is_one_of(node.name, for_both))
            found.note(node, "is for a store in DynamoDB: \"store dynamodb TABLE { ... }\"");
}

} // namespace postern::edge
