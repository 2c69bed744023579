// A request body on its way to the upstream while the answer may already be coming back.
#pragma once

#include "edge/net/signal.hpp"
#include "edge/request/body_reader.hpp"
#include "edge/request/exchange.hpp"

#include <optional>

namespace postern::edge {

/// Runs as a coroutine of its own between start() and the end of stop(); the owner awaits stop()
/// before it goes.
class body_pump {
  public:
    body_pump(exchange& x, upstream_connection& up);
    body_pump(const body_pump&) = delete;
    body_pump& operator=(const body_pump&) = delete;

    void start();
    /// Ends the pump if it still runs, and waits until it has.
    [[nodiscard]] task<void> stop();

    /// The body was read and sent to its end.
    [[nodiscard]] bool whole() const noexcept { return whole_; }
    /// What the client did wrong, as a status (400, 408, 413); 0: nothing.
    [[nodiscard]] unsigned client_status() const noexcept { return client_status_; }
    [[nodiscard]] std::string_view client_reason() const noexcept { return client_reason_; }

  private:
    [[nodiscard]] task<void> run();
    [[nodiscard]] task<void> pump();
    void client_failed(unsigned status, std::string_view reason);

    exchange& x_;
    upstream_connection& up_;
    body_reader body_;
    least_rate rate_;
    signal finished_;
    bool running_ = false;
    bool stopping_ = false;
    bool whole_ = false;
    unsigned client_status_ = 0;
    std::string_view client_reason_;
};

} // namespace postern::edge
