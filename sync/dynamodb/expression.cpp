#include "sync/dynamodb/expression.hpp"

#include <fmt/format.h>

namespace postern::sync::dynamodb {
namespace {

using aws::json;

void append(std::string& list, std::string_view between, std::string_view one) {
    if (!list.empty())
        list += between;
    list += one;
}

} // namespace

std::string expression::name_of(const std::string& name) {
    return names_.try_emplace(name, fmt::format("#n{}", names_.size())).first->second;
}

std::string expression::value_of(json value) {
    std::string placeholder = fmt::format(":v{}", values_.size());
    values_[placeholder] = std::move(value);
    return placeholder;
}

void expression::set(const std::string& name, json value) {
    const std::string place = name_of(name);
    append(sets_, ", ", fmt::format("{} = {}", place, value_of(std::move(value))));
}

void expression::remove(const std::string& name) {
    append(removes_, ", ", name_of(name));
}

void expression::add(const std::string& name, std::uint64_t number) {
    const std::string place = name_of(name);
    append(adds_, ", ", fmt::format("{} {}", place, value_of({{"N", std::to_string(number)}})));
}

void expression::require(std::string_view condition) {
    append(conditions_, " AND ", condition);
}

void expression::require_same(const std::string& name, const json& as_read) {
    const auto at = as_read.find(name);
    if (at == as_read.end())
        return require_absent(name);
    const std::string place = name_of(name);
    require(fmt::format("{} = {}", place, value_of(*at)));
}

void expression::require_exists(const std::string& name) {
    require(fmt::format("attribute_exists({})", name_of(name)));
}

void expression::require_absent(const std::string& name) {
    require(fmt::format("attribute_not_exists({})", name_of(name)));
}

void expression::require_less(const std::string& name, json value) {
    require_absent_or(name, "<", std::move(value));
}

void expression::require_not_less(const std::string& name, json value) {
    require_absent_or(name, ">=", std::move(value));
}

void expression::require_absent_or(const std::string& name, std::string_view relation, json value) {
    const std::string place = name_of(name);
    require(fmt::format("(attribute_not_exists({}) OR {} {} {})", place, place, relation,
                        value_of(std::move(value))));
}

void expression::put_into(json& request) const {
    std::string update;
    for (const auto& [word, list] :
         {std::pair{"SET ", &sets_}, {"REMOVE ", &removes_}, {"ADD ", &adds_}})
        if (!list->empty())
            append(update, " ", word + *list);
    if (!update.empty())
        request["UpdateExpression"] = update;
    if (!conditions_.empty())
        request["ConditionExpression"] = conditions_;
    if (!names_.empty()) {
        json names = json::object();
        for (const auto& [name, placeholder] : names_)
            names[placeholder] = name;
        request["ExpressionAttributeNames"] = std::move(names);
    }
    if (!values_.empty())
        request["ExpressionAttributeValues"] = values_;
}

} // namespace postern::sync::dynamodb
