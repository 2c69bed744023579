#include "edge/http2/request_pool.hpp"

#include <algorithm>

namespace postern::edge {

http2_request::http2_request(const exchange& like)
    : http2_stream{like.worker.loop}, x{like.worker, *this, text, like.peer, like.listener} {
    x.http2 = true;
    x.tls = like.tls;
}

http2_request_pool::~http2_request_pool() {
    free_.clear_and_dispose([](http2_request* r) { delete r; });
}

http2_request& http2_request_pool::take() {
    if (free_.empty())
        return *new http2_request{like_};
    http2_request& r = free_.front();
    free_.pop_front();
    unused_ = std::min(unused_, --count_);
    return r;
}

void http2_request_pool::give_back(http2_request& r) noexcept {
    // What a body left behind is no part of the next request.
    for (input_buffer* left : {&r.text, &r.x.body_input})
        left->consume(left->view().size());
    r.x.body_input.release();
    free_.push_front(r);
    ++count_;
}

void http2_request_pool::trim(time_point now) noexcept {
    if (counted_ + std::chrono::seconds{1} > now)
        return;
    for (; unused_ > 0; --unused_, --count_)
        free_.pop_back_and_dispose([](http2_request* r) { delete r; });
    unused_ = count_;
    counted_ = now;
}

} // namespace postern::edge
