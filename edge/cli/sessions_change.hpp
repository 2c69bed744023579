// What `postern sessions set` makes of a record: pure functions.
#pragma once

#include "edge/cli/arguments.hpp"
#include "edge/settings/settings.hpp"
#include "sync/store/store.hpp"

#include <boost/system/result.hpp>

#include <string>

namespace postern::edge {

struct change_error {
    std::string text;
};
using change_result = boost::system::result<sync::session, change_error>;

/// A record that does not exist yet. Without a status it is active if it has a target, else
/// initializing; the thread is the id, the client "default". `now_ms` is epoch ms. Errors: a
/// sentence on what cannot be.
[[nodiscard]] change_result new_session(const std::string& id, const session_changes& changes,
                                        const settings& conf, std::int64_t now_ms);

/// The same for one that exists; what `changes` leaves out stays. One that becomes inactive loses
/// its target, and a reason stays only with failed. A session that is set active or initializing
/// counts as used now.
[[nodiscard]] change_result changed_session(sync::session record, const session_changes& changes,
                                            const settings& conf, std::int64_t now_ms);

/// A status, or a sentence on what there is.
struct named_status {
    std::optional<sync::session_status> value;
    std::string sentence;
    explicit operator bool() const noexcept { return value.has_value(); }
    sync::session_status operator*() const { return *value; }
    [[nodiscard]] const std::string& error() const noexcept { return sentence; }
};
[[nodiscard]] named_status status_named(const std::string& name);

} // namespace postern::edge
