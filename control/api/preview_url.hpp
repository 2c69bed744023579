// The URL at which a session is seen, by the conf's template.
#pragma once

#include "base/text_template.hpp"
#include "sync/store/session.hpp"

#include <optional>
#include <string>

namespace postern::control {

/// `preview_url` with a record's {sessionId} {clientId} {userId} {threadId} {routeKey},
/// percent-encoded. Nothing: the template is empty, or names something else.
[[nodiscard]] std::optional<std::string> preview_url_of(const base::text_template& preview_url,
                                                        const sync::session& record);

} // namespace postern::control
