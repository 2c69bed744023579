#include "edge/cli/sessions_text.hpp"

#include "base/json_string.hpp"
#include "base/utf8.hpp"
#include "edge/cli/text_table.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace postern::edge {

std::string target_text(const sync::session& record) {
    return record.target.address.is_none() ? "-" : record.target.text();
}

std::string json_of(const sync::session& r) {
    std::string out;
    const auto raw = [&](std::string_view name, const std::string& value) {
        out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", name, value);
    };
    const auto text = [&](std::string_view name, std::string_view value) {
        raw(name, base::json_string(value));
    };
    text("sessionId", r.session_id);
    text("clientId", r.client_id);
    text("userId", r.user_id);
    text("threadId", r.thread_id);
    text("routeKey", r.route_key);
    text("status", sync::name_of(r.status));
    text("target", r.target.address.is_none() ? std::string{} : r.target.text());
    text("task", r.task);
    text("instruction", r.instruction);
    text("reason", r.reason);
    text("branch", r.branch);
    text("lastCommit", r.last_commit);
    raw("isDirty", r.is_dirty ? "true" : "false");
    raw("createdAt", std::to_string(r.created_at_ms));
    raw("startedAt", std::to_string(r.started_at_ms));
    raw("lastActivityAt", std::to_string(r.last_activity_at_ms));
    raw("ttl", std::to_string(r.ttl_ms));
    raw("requestCount", std::to_string(r.request_count));
    raw("bytesTransferred", std::to_string(r.bytes_transferred));
    raw("version", std::to_string(r.version));
    return out + "}";
}

std::string text_of(const sync::session& r) {
    const std::vector<std::pair<std::string_view, std::string>> lines = {
        {"session", r.session_id},
        {"client", r.client_id},
        {"user", r.user_id},
        {"thread", r.thread_id},
        {"route key", r.route_key},
        {"status", std::string{sync::name_of(r.status)}},
        {"target", r.target.address.is_none() ? std::string{} : r.target.text()},
        {"task", r.task},
        {"reason", r.reason},
        {"instruction", r.instruction},
        {"branch", r.branch},
        {"last commit", r.last_commit},
        {"dirty", r.is_dirty ? "yes" : ""},
        {"created", r.created_at_ms != 0 ? time_text(r.created_at_ms) : ""},
        {"started", r.started_at_ms != 0 ? time_text(r.started_at_ms) : ""},
        {"last activity", r.last_activity_at_ms != 0 ? time_text(r.last_activity_at_ms) : ""},
        {"kept until", r.ttl_ms != 0 ? time_text(r.ttl_ms) : ""},
        {"requests", std::to_string(r.request_count)},
        {"bytes", std::to_string(r.bytes_transferred)},
        {"store version", std::to_string(r.version)},
    };
    std::string out;
    for (const auto& [name, value] : lines)
        if (!value.empty())
            out += fmt::format("{:<14} {}\n", fmt::format("{}:", name), base::printable(value));
    return out;
}

} // namespace postern::edge
