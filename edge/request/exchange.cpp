#include "edge/request/exchange.hpp"

namespace postern::edge {

void exchange::reset() {
    head = {};
    key.clear();
    has_route = false;
    verdict = {};
    body_taken = answered = cut_short = false;
    status = 0;
    bytes_sent = bytes_received = 0;
    decision_name = {};
    upstream.clear();
    out.clear();
}

} // namespace postern::edge
