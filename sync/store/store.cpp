#include "sync/store/store.hpp"

#include <limits>

namespace postern::sync {
namespace {

// Boost's base class has no virtual destructor on purpose: categories are never deleted through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class store_category final : public boost::system::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "postern.store"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<store_error>(value)) {
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
        }
        return "unknown store error";
    }
};
#pragma GCC diagnostic pop

} // namespace

const boost::system::error_category& store_error_category() noexcept {
    static const store_category category;
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
