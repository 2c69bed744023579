#include "edge/http/conditions.hpp"

#include "edge/http/http_date.hpp"

#include <optional>

namespace postern::edge {
namespace {

bool has_field(const field_list& fields, known id) noexcept {
    for (const field& f : fields)
        if (f.id == id)
            return true;
    return false;
}

std::optional<std::int64_t> date_in(const field_list& fields, known id) noexcept {
    return parse_http_date(value_of(fields, id));
}

/// Takes the next entity tag off a list: its quoted part, with the quotes. Nothing at the end or
/// where the list is malformed.
struct entity_tag {
    std::string_view quoted;
    bool weak = false;
};

std::optional<entity_tag> next_tag(std::string_view& list) noexcept {
    const std::size_t start = list.find_first_not_of(" \t,");
    if (start == std::string_view::npos)
        return std::nullopt;
    list.remove_prefix(start);
    entity_tag tag;
    if (list.starts_with("W/")) {
        tag.weak = true;
        list.remove_prefix(2);
    }
    if (!list.starts_with('"'))
        return std::nullopt;
    const std::size_t close = list.find('"', 1);
    if (close == std::string_view::npos)
        return std::nullopt;
    tag.quoted = list.substr(0, close + 1);
    list.remove_prefix(close + 1);
    return tag;
}

/// Whether a field with entity tags names this version. `weak`: W/ tags compare equal to strong
/// ones (If-None-Match).
bool tags_match(const field_list& fields, known id, std::string_view etag, bool weak) noexcept {
    for (const field& f : fields) {
        if (f.id != id)
            continue;
        if (f.value == "*")
            return true;
        std::string_view list = f.value;
        while (const auto tag = next_tag(list))
            if (tag->quoted == etag && (weak || !tag->weak))
                return true;
    }
    return false;
}

} // namespace

condition condition_of(const field_list& fields, const validators& file) noexcept {
    if (has_field(fields, known::if_match)) {
        if (!tags_match(fields, known::if_match, file.etag, false))
            return condition::failed;
    } else if (const auto since = date_in(fields, known::if_unmodified_since)) {
        if (file.modified_s > *since)
            return condition::failed;
    }
    if (has_field(fields, known::if_none_match)) {
        if (tags_match(fields, known::if_none_match, file.etag, true))
            return condition::not_modified;
    } else if (const auto since = date_in(fields, known::if_modified_since)) {
        if (file.modified_s <= *since)
            return condition::not_modified;
    }
    return condition::send;
}

bool range_counts(const field_list& fields, const validators& file) noexcept {
    const std::string_view value = value_of(fields, known::if_range);
    if (value.empty())
        return !has_field(fields, known::if_range);
    if (value.front() == '"' || value.starts_with("W/"))
        return value == file.etag;
    const auto date = parse_http_date(value);
    return date && *date == file.modified_s;
}

} // namespace postern::edge
