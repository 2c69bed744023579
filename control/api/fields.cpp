#include "control/api/fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace postern::control {
namespace {

std::string names_of(std::span<const field_rule> rules) {
    std::vector<std::string_view> names;
    for (const field_rule& rule : rules)
        names.push_back(rule.name);
    return names.empty() ? "no fields" : fmt::format("{}", fmt::join(names, ", "));
}

/// Takes the parser's events: so a body that nests deeply or repeats a field is refused where it
/// does so, and nothing is built of it. Source: nlohmann/json, "SAX interface".
class field_reader final : public nlohmann::json_sax<json> {
  public:
    explicit field_reader(std::span<const field_rule> rules) : rules_{rules} {}

    bool null() override { return wrong_type("null"); }
    bool boolean(bool) override { return wrong_type("a boolean"); }
    bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
    bool number_float(number_float_t, const string_t&) override { return wrong_type("a number"); }
    bool binary(binary_t&) override { return wrong_type("binary"); }
    bool start_array(std::size_t) override { return wrong_type("an array"); }
    bool end_array() override { return true; }
    bool end_object() override { return true; }
    bool start_object(std::size_t) override {
        if (is_inside_)
            return wrong_type("an object");
        is_inside_ = true;
        return true;
    }
    bool string(string_t& text) override {
        if (!is_inside_ || is_number())
            return wrong_type("a string");
        found_[key_] = std::move(text);
        return true;
    }
    bool key(string_t& name) override {
        key_ = name;
        const bool is_known =
            std::any_of(rules_.begin(), rules_.end(),
                        [&](const field_rule& rule) { return rule.name == name; });
        if (!is_known)
            return refuse("unknown_field",
                          fmt::format("there is no field \"{}\" here; known are: {}", shown(name),
                                      names_of(rules_)));
        if (found_.contains(name))
            return refuse("duplicate_field", fmt::format("\"{}\" stands there twice", name));
        return true;
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& e) override {
        // The library's text begins with its own error number in brackets.
        std::string_view what = e.what();
        what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
        key_.clear();
        return refuse("invalid_json",
                      fmt::format("the body is no JSON (byte {}): {}", position, what));
    }

    [[nodiscard]] const std::optional<api_error>& error() const { return error_; }
    [[nodiscard]] fields& found() { return found_; }

  private:
    [[nodiscard]] bool is_number() const {
        return std::any_of(rules_.begin(), rules_.end(), [&](const field_rule& rule) {
            return rule.name == key_ && rule.is_number;
        });
    }
    bool number(std::string digits) {
        if (!is_inside_ || !is_number())
            return wrong_type("a number");
        found_[key_] = std::move(digits);
        return true;
    }
    bool wrong_type(std::string_view got) {
        if (!is_inside_)
            return refuse(
                "not_an_object",
                fmt::format("the body is {}; it must be an object: {{\"field\": \"text\"}}", got));
        return refuse("wrong_type", fmt::format("\"{}\" is {}; it must be a {}", key_, got,
                                                is_number() ? "whole number" : "string"));
    }
    bool refuse(std::string code, std::string message) {
        if (!error_)
            error_ = api_error{400, std::move(code), std::move(message), shown(key_)};
        return false;
    }

    std::span<const field_rule> rules_;
    bool is_inside_ = false;
    std::string key_;
    fields found_;
    std::optional<api_error> error_;
};

bool is_json(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' '))
        type.remove_suffix(1);
    constexpr std::string_view wanted = "application/json";
    return std::equal(type.begin(), type.end(), wanted.begin(), wanted.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
}

} // namespace

std::optional<api_error> refused_type(std::string_view type) {
    if (is_json(type))
        return std::nullopt;
    return api_error{415, "unsupported_media_type",
                     fmt::format("Content-Type is \"{}\"; send application/json", shown(type))};
}

std::string shown(std::string_view text) {
    return text.size() <= 64 ? std::string{text} : std::string{text.substr(0, 61)} + "...";
}

api_result<fields> read_fields(std::string_view body, std::string_view type,
                               std::span<const field_rule> rules) {
    field_reader reader{rules};
    if (!body.empty()) {
        if (auto refused = refused_type(type))
            return *std::move(refused);
        json::sax_parse(body, &reader);
        if (reader.error())
            return *reader.error();
    }
    for (const field_rule& rule : rules) {
        const auto at = reader.found().find(rule.name);
        if (at == reader.found().end() && rule.is_required)
            return api_error{
                400, "missing_field",
                fmt::format("\"{}\" is missing; it must be {}", rule.name, rule.what_is_right),
                std::string{rule.name}};
        if (at != reader.found().end() && !rule.is_good(at->second))
            return api_error{422, "invalid_value",
                             fmt::format("\"{}\" is \"{}\"; it must be {}", rule.name,
                                         shown(at->second), rule.what_is_right),
                             std::string{rule.name}};
    }
    return std::move(reader.found());
}

} // namespace postern::control
