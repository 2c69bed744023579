#include "sync/store/store.hpp"

#include "base/named_category.hpp"

#include <limits>

namespace postern::sync {
namespace {

const char* message_of(store_error e) {
    switch (e) {
    case store_error::unavailable:
        return "the store is unavailable";
    case store_error::conflict:
        return "someone else changed the session first";
    case store_error::exists:
        return "the session exists";
    case store_error::not_found:
        return "no such session";
    case store_error::gap:
        return "the feed no longer has what comes after the checkpoint";
    case store_error::invalid:
        return "the store's content is not usable";
    case store_error::loading:
        return "the store is not loaded yet";
    }
    return "unknown store error";
}

} // namespace

const boost::system::error_category& store_error_category() noexcept {
    static const base::named_category<store_error, message_of> category{"postern.store"};
    return category;
}

base::result<session> store::find_by_route_key(std::string_view route_key) {
    auto found = list_by_route_key(route_key);
    if (!found)
        return found.error();
    const session* leader = leading_session(*found, std::numeric_limits<std::int64_t>::min());
    if (leader == nullptr)
        return base::failure{store_error::not_found,
                             "no session has the route key \"" + std::string{route_key} + "\""};
    return *leader;
}

} // namespace postern::sync
