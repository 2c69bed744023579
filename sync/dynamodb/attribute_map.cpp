#include "sync/dynamodb/attribute_map.hpp"

#include "base/text_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace postern::sync::dynamodb {
namespace {

constexpr field ids[] = {field::session_id, field::client_id, field::user_id, field::thread_id};

std::string_view name_of(field f) {
    return field_names[static_cast<std::size_t>(f)];
}

base::failure no_key(std::string_view text) {
    return {make_error_code(boost::system::errc::invalid_argument),
            fmt::format("\"{}\" is no key; write a text that ends with one of {{sessionId}}, "
                        "{{clientId}}, {{userId}} and {{threadId}}, such as SESSION#{{sessionId}}",
                        text)};
}

} // namespace

std::optional<field> field_named(std::string_view name) noexcept {
    const auto* const at = std::find(field_names.begin(), field_names.end(), name);
    if (at == field_names.end())
        return std::nullopt;
    return static_cast<field>(at - field_names.begin());
}

base::result<key_part> key_part::parse(std::string_view attribute, std::string_view text) {
    const auto read = base::text_template::parse(text);
    if (!read)
        return read.error();
    const auto& pieces = read->pieces();
    if (pieces.empty() || pieces.size() > 2 || !pieces.back().is_name ||
        (pieces.size() == 2 && pieces.front().is_name))
        return no_key(text);
    const auto of = field_named(pieces.back().text);
    if (!of || std::find(std::begin(ids), std::end(ids), *of) == std::end(ids))
        return no_key(text);
    return key_part{std::string{attribute}, pieces.size() == 2 ? pieces.front().text : "", *of};
}

std::optional<std::string_view> key_part::id_in(std::string_view value) const noexcept {
    if (!value.starts_with(prefix))
        return std::nullopt;
    return value.substr(prefix.size());
}

attribute_map::attribute_map() {
    std::copy(field_names.begin(), field_names.end(), names.begin());
    forms[static_cast<std::size_t>(field::ttl)] = time_form::seconds; // DynamoDB deletes by it
}

std::string attribute_map::fault() const {
    if (hash.of != field::session_id)
        return "the first key has to end with {sessionId}: sessions are asked for by it";
    if (range && range->attribute == hash.attribute)
        return fmt::format("\"{}\" is both keys' name", hash.attribute);
    std::map<std::string_view, std::string_view> holders;
    for (std::size_t i = 0; i < fields; ++i) {
        const auto f = static_cast<field>(i);
        if (is_in_key(f) || (f == field::container_id && !has_containers))
            continue;
        const auto [other, is_new] = holders.try_emplace(names[i], field_names[i]);
        if (!is_new)
            return fmt::format("the attribute \"{}\" stands for both {} and {}", names[i],
                               other->second, field_names[i]);
        if (names[i] == hash.attribute || (range && names[i] == range->attribute))
            return fmt::format("the attribute \"{}\" is a key, and cannot stand for {} as well",
                               names[i], field_names[i]);
    }
    if (form_of(field::ttl) != time_form::seconds)
        return "ttl is a number of seconds, as DynamoDB deletes by it";
    return {};
}

std::string attribute_map::text() const {
    std::string out = fmt::format("key {}={}{{{}}}", hash.attribute, hash.prefix, name_of(hash.of));
    if (range)
        out += fmt::format(" key {}={}{{{}}}", range->attribute, range->prefix, name_of(range->of));
    out += fmt::format(" port {}", port);
    if (has_containers)
        out += " containers";
    for (std::size_t i = 0; i < fields; ++i)
        if (names[i] != field_names[i])
            out += fmt::format(" {}={}", field_names[i], names[i]);
    return out;
}

} // namespace postern::sync::dynamodb
