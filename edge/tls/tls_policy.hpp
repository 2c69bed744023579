// One SSL_CTX with all that postern sets in it. For the sources of edge/tls alone.
#pragma once

#include "edge/tls/certificate.hpp"
#include "edge/tls/openssl.hpp"
#include "edge/tls/ticket_keys.hpp"

#include <chrono>

namespace postern::edge {

struct tls_policy {
    ssl_ctx_ptr context;
    const ticket_keys* keys = nullptr;
};

/// All that makes a policy what it is, as bytes: equal ones, equal policies.
[[nodiscard]] std::string identity_of(const tls_settings& how,
                                      const std::vector<certificate>& shown);

/// `rotation`: of `keys`; tickets are not taken when they are older. Errors: invalid_argument with
/// a sentence that names the conf's line.
[[nodiscard]] base::result<std::unique_ptr<tls_policy>>
make_policy(const tls_settings& how, const std::vector<certificate>& shown, const ticket_keys* keys,
            std::chrono::milliseconds rotation);

} // namespace postern::edge
