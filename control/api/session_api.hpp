// The HTTP face of control: which path and method does what, and how it is answered. README.md has
// the table.
#pragma once

#include "cache/session_reader.hpp"
#include "control/api/sessions.hpp"
#include "control/control_worker.hpp"
#include "control/http_message.hpp"
#include "control/lifecycle/next_step.hpp"
#include "control/metrics/metrics.hpp"

#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace postern::control {

/// What it all stands on; everything referenced outlives the API.
struct session_api_parts {
    const options& opts;
    sessions& store;
    std::function<std::optional<table_entry>(std::string_view route_key)> table;
    const cache::session_reader* reader; // null: no table
    metrics& numbers;
    const base::clock& time;
    base::log& log;
};

/// Thread-safe; never throws.
class session_api {
  public:
    explicit session_api(session_api_parts parts) : parts_{std::move(parts)} {}
    /// By the head alone: `request.body` is not looked at.
    [[nodiscard]] head_verdict judge(const http_request& request) noexcept;
    [[nodiscard]] http_answer answer(const http_request& request) noexcept;

  private:
    enum class endpoint;
    struct path_rule;
    static const path_rule path_rules[];
    /// What a head asks for; `refusal` where it does not get it.
    struct reading {
        const path_rule* rule = nullptr;
        std::string name; // the path's variable segment, decoded
        std::optional<http_answer> refusal;
    };

    [[nodiscard]] reading read(const http_request& request) const;
    [[nodiscard]] http_answer counted(http_answer answer);
    [[nodiscard]] http_answer failed(const http_request& request, const std::exception& why);
    [[nodiscard]] http_answer done(endpoint what, const std::string& name,
                                   const http_request& request);
    [[nodiscard]] http_answer activate(const http_request& request);
    [[nodiscard]] http_answer make_link(const std::string& session_id, const http_request& request);
    [[nodiscard]] http_answer ready();
    [[nodiscard]] bool sync_lives(const cache::table_status& table) const;
    /// Until the table knows this version of the session; at most about a second, and not at all
    /// where sync is not alive.
    void wait_until_routed(const sync::session& record) const;
    [[nodiscard]] json status_of(const sync::session& record) const;
    [[nodiscard]] json summary_of(const sync::session& record) const;
    [[nodiscard]] json activated_of(const sync::session& record) const;
    void add_preview_url(json& to, const sync::session& record) const;
    [[nodiscard]] std::int64_t last_activity_of(const sync::session& record) const;

    session_api_parts parts_;
};

} // namespace postern::control
