// What is done to a session that exists, and to none.
#include "base/access_token.hpp"
#include "control/api/session_errors.hpp"
#include "control/api/sessions.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::control {

using sync::session;
using sync::session_status;
using sync::store_error;

api_result<session> sessions::keep_alive(std::string_view session_id) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    store_pool::lease& store = *opened;
    auto known = store->get(session_id);
    if (!known && known.error().code == store_error::not_found)
        return not_found("session", session_id);
    if (!known)
        return broken(store, known.error());
    if (!is_running(*known))
        return api_error{409, "not_running",
                         fmt::format("session \"{}\" is {}; activate it first", session_id,
                                     name_of(known->status))};
    const std::int64_t now_ms = base::to_epoch_ms(time_->wall());
    const std::int64_t ttl_ms = now_ms + opts_->history.count();
    if (auto added = store->add_activity({{std::string{session_id}, now_ms, ttl_ms, 0, 0}}); !added)
        return broken(store, added.error());
    known->ttl_ms = std::max(known->ttl_ms, ttl_ms);
    known->last_activity_at_ms = std::max(known->last_activity_at_ms, now_ms);
    return std::move(*known);
}

template <class Change>
api_result<session> sessions::change(std::string_view session_id, std::string_view what,
                                     Change change_record) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    store_pool::lease& store = *opened;
    for (int tried = 0; tried < tries_max; ++tried) {
        auto known = store->get(session_id);
        if (!known && known.error().code == store_error::not_found)
            return not_found("session", session_id);
        if (!known)
            return broken(store, known.error());
        if (!change_record(*known))
            return std::move(*known);
        auto written = store->replace(*known);
        if (written) {
            announce();
            log_->info("session \"{}\": {}", session_id, what);
            return std::move(*written);
        }
        if (written.error().code != store_error::conflict &&
            written.error().code != store_error::not_found)
            return broken(store, written.error());
    }
    return changed_meanwhile(session_id);
}

api_result<session> sessions::deactivate(std::string_view session_id) {
    return change(session_id, "deactivated", [](session& record) {
        if (!is_running(record) && record.status != session_status::failed)
            return false;
        record.status = session_status::draining;
        return true;
    });
}

api_result<session> sessions::revoke_links(std::string_view session_id) {
    return change(session_id, "its links are revoked", [this](session& record) {
        record.access_generation = base::next_access_generation(
            record.access_generation, base::to_epoch_ms(time_->wall()) / 1000);
        return true;
    });
}

api_result<session> sessions::get(std::string_view session_id) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    auto known = (*opened)->get(session_id);
    if (known)
        return std::move(*known);
    if (known.error().code == store_error::not_found)
        return not_found("session", session_id);
    return broken(*opened, known.error());
}

api_result<std::vector<session>> sessions::of_client(std::string_view client_id) {
    auto opened = this->store();
    if (!opened)
        return opened.error();
    auto found = (*opened)->list_by_client(client_id);
    if (found)
        return std::move(*found);
    return broken(*opened, found.error());
}

std::string sessions::trouble() {
    auto opened = stores_->take(); // first: whether it is yet to be loaded
    if (std::string known = stores_->health().why(); !known.empty())
        return known;
    if (!opened)
        return opened.error().text();
    const auto position = (*opened)->feed_position();
    if (position)
        return {};
    opened->give_up(position.error());
    return position.error().code == store_error::loading ? position.error().what
                                                         : position.error().text();
}

} // namespace postern::control
