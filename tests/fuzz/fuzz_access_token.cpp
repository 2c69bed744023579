// Any bytes as a link's token, and as a query that may hold one: only what was signed is believed,
// and nothing of a token is left in the query.
#include "base/access_token.hpp"
#include "base/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace postern::base;

namespace {

constexpr std::int64_t now_s = 1'790'000'000;

void read_token(std::string_view token) {
    static const access_keys keys{"one key", "another key"};
    const access_grant wanted{access_use::link, "acme-t1", 7, now_s + 60};
    const access_reading read = read_access_token(keys, wanted, token, now_s);
    if (read.fault == access_fault::forged)
        return;
    // It was signed: then this is how. The seeds hold one.
    const bool is_the_one = token == make_access_token({keys[0]}, wanted) ||
                            token == make_access_token({keys[1]}, wanted);
    POSTERN_CHECK(is_the_one && read.fault == access_fault::none);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    read_token(text);
    std::string rest = "untouched";
    const auto token = take_access_token(text, rest);
    if (!token) {
        POSTERN_CHECK(rest == "untouched");
        return 0;
    }
    POSTERN_CHECK(token->empty() || (token->data() >= text.data() &&
                                     token->data() + token->size() <= text.data() + text.size()));
    POSTERN_CHECK(rest.size() + access_parameter.size() <= text.size());
    std::string again;
    POSTERN_CHECK(!take_access_token(rest, again));
    POSTERN_CHECK(find_access_parameter(text) < text.size());
    read_token(*token);
    return 0;
}
