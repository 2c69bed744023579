#include "control/api/preview_url.hpp"

#include "base/percent.hpp"

namespace postern::control {

std::optional<std::string> preview_url_of(const base::text_template& preview_url,
                                          const sync::session& record) {
    if (preview_url.empty())
        return std::nullopt;
    std::string value;
    return preview_url.fill([&](std::string_view name) -> std::optional<std::string_view> {
        if (name == "routeKey")
            value = record.route_key;
        else if (name == "sessionId")
            value = record.session_id;
        else if (name == "clientId")
            value = record.client_id;
        else if (name == "userId")
            value = record.user_id;
        else if (name == "threadId")
            value = record.thread_id;
        else
            return std::nullopt;
        value = base::percent_encoded(value);
        return value;
    });
}

} // namespace postern::control
