#include "control/api/token.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <strings.h>

namespace postern::control {
namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

digest digest_of(std::string_view text) {
    digest out{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
    return out;
}

} // namespace

bool bears_token(std::string_view authorization, std::string_view token) {
    constexpr std::string_view scheme = "bearer "; // any case: RFC 9110, section 11.1
    if (token.empty() || authorization.size() < scheme.size() ||
        ::strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0)
        return false;
    authorization.remove_prefix(scheme.size());
    // Digests have one length, so that not even the token's length shows in the time.
    const digest got = digest_of(authorization);
    const digest wanted = digest_of(token);
    return ::CRYPTO_memcmp(got.data(), wanted.data(), got.size()) == 0;
}

} // namespace postern::control
