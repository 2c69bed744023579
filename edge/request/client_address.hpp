// Who the client is, where a proxy speaks for it.
#pragma once

#include "base/ip_endpoint.hpp"
#include "edge/http/field.hpp"
#include "edge/request/exchange.hpp"

#include <vector>

namespace postern::edge {

/// The client that a trusted proxy at `peer` speaks for: of all X-Forwarded-For fields together,
/// the last address that is not `trusted` itself (nginx's real_ip_recursive); the first one where
/// all are. What stands before something that is no address is not believed. An address may have a
/// port. Without X-Forwarded-For: X-Real-IP, or `peer`.
[[nodiscard]] base::ip_address client_behind(const field_list& fields, const base::ip_address& peer,
                                             const std::vector<base::ip_network>& trusted);

/// Puts the client of x.head, which x.peer speaks for, in its place. Requires: x.peer.trusted.
void name_client_behind(exchange& x);

} // namespace postern::edge
