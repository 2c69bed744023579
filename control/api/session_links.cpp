// Signed links to sessions, as the API makes them.
#include "base/access_token.hpp"
#include "base/iso_time.hpp"
#include "control/api/names.hpp"
#include "control/api/preview_url.hpp"
#include "control/api/session_api.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::control {
namespace {

using std::chrono::seconds;

constexpr std::int64_t link_s_standard = seconds{base::access_link_standard}.count();
constexpr std::int64_t link_s_max = seconds{base::access_link_longest}.count();
static_assert(link_s_max == 2592000, "as link_fields says");

/// 0: none that is allowed.
std::int64_t seconds_of(std::string_view digits) noexcept {
    std::int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return read.ec == std::errc{} && value > 0 && value <= link_s_max ? value : 0;
}
constexpr field_rule link_fields[] = {
    {"expiresIn", false, [](std::string_view text) noexcept { return seconds_of(text) > 0; },
     "1 to 2592000 seconds (30 days)", true},
};

} // namespace

http_answer session_api::make_link(const std::string& session_id, const http_request& request) {
    const auto wanted = read_fields(request.body, request.content_type, link_fields);
    if (!wanted)
        return answer_of(wanted.error());
    if (parts_.opts.access_keys.empty())
        return answer_of({409, "links_off",
                          "no location of the conf has access link, so nothing would look at one"});
    const auto found = parts_.store.get(session_id);
    if (!found)
        return answer_of(found.error());
    const auto given = wanted->find("expiresIn");
    const std::int64_t expires_s =
        base::to_epoch_ms(parts_.time.wall()) / 1000 +
        (given == wanted->end() ? link_s_standard : seconds_of(given->second));
    const std::string token =
        base::make_access_token(parts_.opts.access_keys, {.scope = found->route_key,
                                                          .generation = found->access_generation,
                                                          .expires_s = expires_s});
    json link{{"sessionId", found->session_id}};
    if (const auto url = preview_url_of(parts_.opts.preview_url, *found))
        link["url"] = base::with_access_token(*url, token);
    link["query"] = fmt::format("{}={}", base::access_parameter, token);
    link["expiresAt"] = base::iso_text(expires_s * 1000);
    // Whoever gets it may be quicker than sync.
    wait_until_routed(*found);
    return json_answer(201, link);
}

} // namespace postern::control
