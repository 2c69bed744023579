// What a request's target and fields mean together (RFC 9112 3.2, 6.3; RFC 9110 7.8, 10.1.1; RFC
// 6455 4.1).
#pragma once

#include "edge/http/request_head.hpp"

namespace postern::edge {

/// Splits the target; reduces absolute-form to origin-form and sets `host` from it. done, or bad
/// with a status.
[[nodiscard]] read_outcome apply_target_rules(request_head& head);

/// Host, framing, persistence, upgrade, expectation. Requires: apply_target_rules was done. done,
/// or bad with a status.
[[nodiscard]] read_outcome apply_field_rules(request_head& head);

} // namespace postern::edge
