#include "sync/aws/corrected_clock.hpp"

#include <ctime>
#include <string>

namespace postern::sync::aws {
namespace {

// Services take five minutes; below one, correcting would follow the second's grain and the
// network.
constexpr std::chrono::minutes tolerated{1};

} // namespace

bool corrected_clock::correct(base::wall_time theirs) noexcept {
    using std::chrono::abs;
    auto wanted = theirs - real_.wall();
    if (abs(wanted) <= tolerated)
        wanted = wanted.zero();
    const std::chrono::milliseconds before{
        offset_ms_.exchange(wanted.count(), std::memory_order_relaxed)};
    return abs(wanted - before) > tolerated;
}

std::optional<base::wall_time> http_date_of(std::string_view text) {
    std::tm parts{};
    const std::string ended{text};
    const char* const end = ::strptime(ended.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0')
        return std::nullopt;
    return base::wall_time{std::chrono::seconds{::timegm(&parts)}};
}

} // namespace postern::sync::aws
