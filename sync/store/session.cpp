#include "sync/store/session.hpp"

#include <array>
#include <tuple>

namespace postern::sync {
namespace {

constexpr std::array<std::string_view, 5> status_names{"initializing", "active", "draining",
                                                       "inactive", "failed"};

int rank_of(session_status status) noexcept {
    switch (status) {
    case session_status::inactive:
        return 0;
    case session_status::failed:
        return 1;
    default:
        return 2;
    }
}

bool leads(const session& a, const session& b) noexcept {
    return std::tuple{rank_of(a.status), a.created_at_ms, std::string_view{a.session_id}} >
           std::tuple{rank_of(b.status), b.created_at_ms, std::string_view{b.session_id}};
}

} // namespace

std::string_view name_of(session_status status) noexcept {
    return status_names[static_cast<std::size_t>(status)];
}

std::optional<session_status> session_status_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < status_names.size(); ++i)
        if (status_names[i] == name)
            return static_cast<session_status>(i);
    if (name == "expired")
        return session_status::inactive;
    return std::nullopt;
}

std::optional<std::string> route_key_of(const session& record, const base::text_template& route_key,
                                        base::route_key_fault* why) {
    const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
        std::string_view value;
        if (name == "clientId")
            value = record.client_id;
        else if (name == "userId")
            value = record.user_id;
        else if (name == "threadId")
            value = record.thread_id;
        else if (name == "sessionId")
            value = record.session_id;
        return value;
    };
    std::string key;
    const base::route_key_fault fault = base::make_route_key(route_key, value_of, key);
    if (why != nullptr)
        *why = fault;
    if (fault)
        return std::nullopt;
    return key;
}

const session* leading_session(const std::vector<session>& of_one_key,
                               std::int64_t now_ms) noexcept {
    const session* best = nullptr;
    for (const session& one : of_one_key) {
        if (is_past_ttl(one, now_ms))
            continue;
        if (best == nullptr || leads(one, *best))
            best = &one;
    }
    return best;
}

} // namespace postern::sync
