// The requests of one HTTP/2 connection that are at rest, kept so that their memory is used again.
#pragma once

#include "edge/http2/request_text.hpp"
#include "edge/http2/stream.hpp"
#include "edge/request/exchange.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>

namespace postern::edge {

/// A request: its stream, and the exchange that serves it.
struct http2_request final
    : http2_stream,
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    /// One of the connection that `like` is of.
    explicit http2_request(const exchange& like);

    input_buffer text; // its head as HTTP/1.1, and a small body
    exchange x;
    std::chrono::steady_clock::time_point began;
    request_text::verdict verdict = request_text::verdict::good;
    bool has_framing = false; // by its own words, or it can have no body
    bool running = false;     // its coroutine has not ended
};
using http2_requests =
    boost::intrusive::list<http2_request, boost::intrusive::constant_time_size<false>>;

/// Owns what is in it.
class http2_request_pool {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit http2_request_pool(const exchange& like) noexcept : like_{like} {}
    http2_request_pool(const http2_request_pool&) = delete;
    http2_request_pool& operator=(const http2_request_pool&) = delete;
    ~http2_request_pool();

    /// Throws bad_alloc.
    [[nodiscard]] http2_request& take();
    void give_back(http2_request& r) noexcept;
    /// Ends those that were not needed for a second. To be called now and then.
    void trim(time_point now) noexcept;

  private:
    const exchange& like_;
    http2_requests free_;
    std::size_t count_ = 0, unused_ = 0; // in free_; of them since counted_
    time_point counted_{};
};

} // namespace postern::edge
