#include "sync/redis/row_text.hpp"

#include "sync/aws/json.hpp"
#include "sync/feed/position.hpp"
#include "sync/store/session_defect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace postern::sync::redis {
namespace {

using aws::json;

struct text_field {
    const char* name;
    std::string session::*place;
};
constexpr text_field text_fields[] = {
    {"sessionId", &session::session_id},
    {"clientId", &session::client_id},
    {"userId", &session::user_id},
    {"threadId", &session::thread_id},
    {"task", &session::task},
    {"instruction", &session::instruction},
    {"reason", &session::reason},
    {"branch", &session::branch},
    {"lastCommit", &session::last_commit},
};
struct time_field {
    const char* name;
    std::int64_t session::*place;
};
constexpr time_field time_fields[] = {
    {"createdAt", &session::created_at_ms},
    {"startedAt", &session::started_at_ms},
};
constexpr time_field activity_fields[] = {
    {"lastActivityAt", &session::last_activity_at_ms},
    {"ttl", &session::ttl_ms},
};

void set(json& into, const char* name, const std::string& text) {
    if (!text.empty())
        into[name] = text;
}
template <class Number>
void set_number(json& into, const char* name, Number number) {
    if (number != 0)
        into[name] = number;
}

json json_of(const session_row& row) {
    const session& record = row.read.record;
    json made = json::object();
    for (const auto& field : text_fields)
        set(made, field.name, record.*field.place);
    for (const auto& field : time_fields)
        set_number(made, field.name, record.*field.place);
    made["status"] = name_of(record.status);
    if (!record.target.address.is_none())
        made["target"] = record.target.text();
    if (record.is_dirty)
        made["isDirty"] = true;
    set_number(made, "accessGeneration", record.access_generation);
    set(made, "containerId", row.container_id);
    set(made, "defect", row.read.defect);
    return made;
}

void add_activity(json& into, const session& record) {
    for (const auto& field : activity_fields)
        set_number(into, field.name, record.*field.place);
    set_number(into, "requestCount", record.request_count);
    set_number(into, "bytesTransferred", record.bytes_transferred);
}

json json_of(const container_row& row) {
    json made = {{"container", row.container_id}};
    if (!row.target.address.is_none())
        made["target"] = row.target.text();
    set(made, "defect", row.defect);
    return made;
}

// Values of another type read as none: what is missing then is found by defect_of.
std::string text_at(const json& from, const char* name) {
    return aws::string_at(from, name);
}
template <class Number>
Number number_at(const json& from, const char* name) {
    const auto at = from.find(name);
    if (at == from.end() || !at->is_number_integer())
        return 0;
    return at->is_number_unsigned() || at->template get<std::int64_t>() >= 0
               ? at->template get<Number>()
               : Number{0};
}

session_row session_row_of(const json& from) {
    session_row made;
    session& record = made.read.record;
    for (const auto& field : text_fields)
        record.*field.place = text_at(from, field.name);
    for (const auto& field : time_fields)
        record.*field.place = possible_time(number_at<std::int64_t>(from, field.name));
    for (const auto& field : activity_fields)
        record.*field.place = possible_time(number_at<std::int64_t>(from, field.name));
    record.request_count = number_at<std::uint64_t>(from, "requestCount");
    record.bytes_transferred = number_at<std::uint64_t>(from, "bytesTransferred");
    record.access_generation = number_at<std::uint32_t>(from, "accessGeneration");
    const auto dirty = from.find("isDirty");
    record.is_dirty = dirty != from.end() && *dirty == json(true);
    made.container_id = text_at(from, "containerId");
    made.read.defect = text_at(from, "defect");
    const auto status = session_status_named(text_at(from, "status"));
    record.status = status.value_or(session_status::failed);
    const std::string target = text_at(from, "target");
    const auto place = base::ip_endpoint::parse(target);
    record.target = place.value_or(base::ip_endpoint{});
    if (made.read.defect.empty() && (!status || (!place && !target.empty())))
        made.read.defect = "its status or target in Redis is not known here";
    if (made.read.defect.empty())
        made.read.defect = defect_of(record);
    return made;
}

container_row container_row_of(const json& from) {
    container_row made;
    made.container_id = text_at(from, "container");
    made.target = base::ip_endpoint::parse(text_at(from, "target")).value_or(base::ip_endpoint{});
    made.defect = text_at(from, "defect");
    return made;
}

/// The next word of a text, and the blank behind it; false: there is none.
bool take_word(std::string_view& from, std::string_view& word) {
    const std::size_t end = from.find(' ');
    if (end == std::string_view::npos || end == 0)
        return false;
    word = from.substr(0, end);
    from.remove_prefix(end + 1);
    return true;
}

} // namespace

row_text text_of(const row_change& row) {
    const auto* const of_session = std::get_if<session_row>(&*row.now);
    json made =
        of_session != nullptr ? json_of(*of_session) : json_of(std::get<container_row>(*row.now));
    set_number(made, "version", row.version);
    auto decisive = aws::text_of(made);
    if (!decisive) { // not UTF-8; what the store would not take either
        made = {{"defect", "it is not UTF-8"}};
        made[of_session != nullptr ? "sessionId" : "container"] = "?";
        decisive = made.dump();
    }
    row_text out;
    out.digest = fmt::format("{:016x}", shard_hash(*decisive));
    out.body = std::move(*decisive);
    if (of_session == nullptr || made.contains("defect"))
        return out;
    const session& record = of_session->read.record;
    out.activity_ms = std::max<std::int64_t>(record.last_activity_at_ms, 0);
    out.ttl_ms = std::max<std::int64_t>(record.ttl_ms, 0);
    add_activity(made, record);
    out.body = made.dump();
    return out;
}

std::optional<kept_row> kept_row_of(std::string key, std::string_view text) {
    std::array<std::string_view, 6> words;
    for (std::string_view& word : words)
        if (!take_word(text, word))
            return std::nullopt;
    kept_row made;
    const std::string_view number = words[2];
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), made.number);
    if (error != std::errc{} || end != number.data() + number.size())
        return std::nullopt;
    const auto body = aws::parse_json(text);
    if (!body || !body->is_object())
        return std::nullopt;
    made.row.key = std::move(key);
    made.row.version = number_at<std::uint64_t>(*body, "version");
    if (body->contains("container")) {
        made.row.now = container_row_of(*body);
    } else {
        session_row row = session_row_of(*body);
        row.read.record.version = made.row.version;
        made.row.now = std::move(row);
    }
    return made;
}

} // namespace postern::sync::redis
