// One request proxied: sent to an upstream, its answer streamed back. At most one upstream request
// for a client's request, unless a kept connection turned out to be closed before anything came
// back and sending again is safe.
#pragma once

#include "edge/request/exchange.hpp"
#include "edge/request/rewrite.hpp"

namespace postern::edge {

/// Where a request goes and what is changed on the way. Views outlive the call.
struct upstream_plan {
    base::ip_endpoint to;
    request_rewrite request;
    std::string_view
        location_prefix; // put before a Location that points into the upstream; empty: left alone
    std::string_view upstream_origin; // "http://localhost:4321", for the same
    std::string_view
        hmr_base; // put into Vite's client module; empty: the answer is passed as it is
    std::string_view set_cookie; // added to the answer; empty: none
    std::string_view see_other;  // a form asked: not the answer is shown, but the page here (303)
};

enum class relay_outcome {
    answered, // the client has its answer, be it an error
    refused,  // no connection: nothing was sent, nothing was answered, the body is untouched
};

[[nodiscard]] task<relay_outcome> relay(exchange& x, const upstream_plan& plan);

/// Puts into a request whose it is: the client's address, and whether it is a trusted proxy's.
void name_client(const exchange& x, request_rewrite& to);

/// A connection to `plan.to`: a kept one, or new. `fresh`: new in any case. Null: it refused or did
/// not answer.
[[nodiscard]] task<upstream_ptr> reach(exchange& x, const upstream_plan& plan, bool fresh);

/// Reads the final response head into worker.answer (1xx but 101 are dropped). Errors as a status:
/// 502 broken or closed, 504 late; 0: good.
struct head_outcome {
    unsigned status = 0;
    bool nothing_came =
        false; // closed before a single byte: a kept connection may just have been stale
    const char* reason = "";
    bool client_left = false; // nobody waits for the answer any more
};
[[nodiscard]] task<head_outcome> read_answer_head(exchange& x, upstream_connection& up,
                                                  std::chrono::milliseconds within);

/// Sends worker.answer on to the client: its head, then its body as it comes. True: the upstream
/// connection can be kept.
[[nodiscard]] task<bool> relay_answer(exchange& x, const upstream_plan& plan,
                                      upstream_connection& up);

} // namespace postern::edge
