#include "base/error.hpp"

#include <cerrno>

namespace postern::base {

error_code last_errno() noexcept {
    return {errno, boost::system::system_category()};
}

} // namespace postern::base
