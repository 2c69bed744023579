#include "edge/cli/sessions_change.hpp"

#include "base/limits.hpp"
#include "base/route_key.hpp"
#include "base/utf8.hpp"
#include "edge/settings/directives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace postern::edge {
namespace {

using sync::session_status;
using complaint_text = std::optional<change_error>;

constexpr std::size_t name_bytes_max = base::limits::session_id_bytes_max;
constexpr std::size_t instruction_bytes_max = 16 * 1024; // the API's bound, too

complaint_text check_text(std::string_view option, const std::string& value,
                          std::size_t bytes_max) {
    if (value.size() > bytes_max)
        return change_error{
            fmt::format("{} has {} bytes; {} at most", option, value.size(), bytes_max)};
    if (base::has_control_bytes(value))
        return change_error{
            fmt::format("{} \"{}\" has control bytes", option, base::printable(value))};
    return std::nullopt;
}

bool is_capture(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '~' || c == '-';
    });
}

class changer {
  public:
    changer(sync::session record, const session_changes& changes, const settings& conf,
            std::int64_t now_ms)
        : out_{std::move(record)}, changes_{changes}, conf_{conf}, now_ms_{now_ms} {}

    change_result run() {
        take("--client", changes_.client, out_.client_id, name_bytes_max);
        take("--user", changes_.user, out_.user_id, name_bytes_max);
        take("--thread", changes_.thread, out_.thread_id, name_bytes_max);
        take("--branch", changes_.branch, out_.branch, name_bytes_max);
        take("--instruction", changes_.instruction, out_.instruction, instruction_bytes_max);
        take("--reason", changes_.reason, out_.reason, 1024);
        set_target();
        set_status();
        set_route_key();
        if (error_)
            return *error_;
        return std::move(out_);
    }

  private:
    void fail(std::string sentence) {
        if (!error_)
            error_ = change_error{std::move(sentence)};
    }

    void take(std::string_view option, const std::optional<std::string>& given, std::string& place,
              std::size_t bytes_max) {
        if (!given)
            return;
        if (auto wrong = check_text(option, *given, bytes_max))
            fail(std::move(wrong->text));
        place = *given;
    }

    void set_target() {
        if (!changes_.target)
            return;
        if (*changes_.target == "none" || changes_.target->empty()) {
            out_.target = {};
            return;
        }
        const auto target = base::ip_endpoint::parse(*changes_.target);
        if (!target || target->address.is_none())
            return fail(fmt::format(
                "--target \"{}\" is no address with a port; write 127.0.0.1:4321 or none",
                base::printable(*changes_.target)));
        out_.target = *target;
    }

    void set_status() {
        const bool is_new = out_.created_at_ms == 0;
        const session_status before = out_.status;
        if (changes_.status) {
            const named_status status = status_named(*changes_.status);
            if (!status)
                return fail(status.error());
            out_.status = *status;
        } else if (is_new) {
            out_.status = out_.target.address.is_none() ? session_status::initializing
                                                        : session_status::active;
        }
        if (out_.status == session_status::inactive) {
            if (changes_.target && !out_.target.address.is_none())
                return fail("an inactive session has no target");
            out_.target = {};
        }
        if (out_.status == session_status::active && out_.target.address.is_none())
            return fail("an active session needs a target; write --target 127.0.0.1:4321");
        if (out_.status != session_status::failed && !changes_.reason)
            out_.reason.clear();
        if (is_new)
            out_.created_at_ms = now_ms_;
        const bool starts =
            out_.status == session_status::active || out_.status == session_status::initializing;
        if (!starts)
            return;
        const bool was_up =
            !is_new && (before == session_status::active || before == session_status::initializing);
        if (!was_up)
            out_.started_at_ms = now_ms_;
        // Whoever sets a session up by hand wants it for a while: its clocks begin now.
        out_.last_activity_at_ms = std::max(out_.last_activity_at_ms, now_ms_);
        out_.ttl_ms = std::max(out_.ttl_ms, now_ms_ + conf_.lifecycle.history.count());
    }

    void set_route_key() {
        const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
            if (name == "sessionId")
                return out_.session_id;
            if (name == "clientId")
                return out_.client_id;
            if (name == "userId")
                return out_.user_id;
            if (name == "threadId")
                return out_.thread_id;
            return std::nullopt;
        };
        for (const std::string_view name : conf_.route_key.names()) {
            const auto value = value_of(name);
            if (!value || !is_capture(*value))
                return fail(fmt::format(
                    "route_key {} needs {{{}}}, but it is \"{}\"; in URLs it is of letters, digits "
                    "and . _ ~ -",
                    conf_.route_key.text(), name, base::printable(value.value_or(""))));
        }
        if (const auto fault = base::make_route_key(conf_.route_key, value_of, out_.route_key))
            fail(base::text_of(fault, conf_.route_key));
    }

    sync::session out_;
    const session_changes& changes_;
    const settings& conf_;
    std::int64_t now_ms_;
    complaint_text error_;
};

} // namespace

change_result new_session(const std::string& id, const session_changes& changes,
                          const settings& conf, std::int64_t now_ms) {
    if (auto wrong = check_text("the session's ID", id, name_bytes_max))
        return *wrong;
    sync::session record;
    record.session_id = id;
    record.client_id = "default";
    record.thread_id = id;
    return changer{std::move(record), changes, conf, now_ms}.run();
}

change_result changed_session(sync::session record, const session_changes& changes,
                              const settings& conf, std::int64_t now_ms) {
    // A record that another program wrote may lack it.
    if (record.created_at_ms == 0)
        record.created_at_ms = now_ms;
    return changer{std::move(record), changes, conf, now_ms}.run();
}

named_status status_named(const std::string& name) {
    if (const auto status = sync::session_status_named(name))
        return {status, {}};
    constexpr std::string_view names[] = {"initializing", "active", "draining", "inactive",
                                          "failed"};
    const std::string_view near = nearest_of(name, names);
    return {
        std::nullopt,
        fmt::format("--status \"{}\" is not known; {}", base::printable(name),
                    near.empty()
                        ? std::string{"write initializing, active, draining, inactive or failed"}
                        : fmt::format("did you mean \"{}\"?", near))};
}

} // namespace postern::edge
