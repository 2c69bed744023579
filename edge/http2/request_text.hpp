// A request's header fields as HTTP/2 brings them, put down as the text of an HTTP/1.1 head, so
// that the one strict reader of heads (edge/http/request_head) judges all requests. Pure.
#pragma once

#include "edge/http/request_head.hpp"

#include <string>
#include <string_view>

namespace postern::edge {

/// Collects one head at a time, and never more than the limits allow: what is beyond them is looked
/// at and dropped. Whatever could become another head when it is written as text (CR, LF, NUL,
/// spaces in names) makes the request malformed (RFC 9113 8.2, 8.3, 10.3).
class request_text {
  public:
    enum class verdict {
        good,
        malformed, // a stream error (RFC 9113 8.1.1)
        too_large, // 431
    };

    explicit request_text(const head_limits& bounds) noexcept : bounds_{bounds} {}

    /// Ready for the next head; keeps memory.
    void clear() noexcept;
    void add(std::string_view name, std::string_view value);
    /// After the last field.
    [[nodiscard]] verdict finish();

    /// The head without its framing and its final empty line. Requires: finish() was good.
    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    /// An extended CONNECT (RFC 8441), put down as a handshake of RFC 6455.
    [[nodiscard]] bool websocket() const noexcept { return websocket_; }
    [[nodiscard]] bool has_length() const noexcept { return has_length_; }
    /// How many fields came after the head was too large already.
    [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }

  private:
    void spoil() noexcept { verdict_ = verdict::malformed; }
    void add_pseudo(std::string_view name, std::string_view value);
    void add_field(std::string_view name, std::string_view value);
    void begin_text();
    void put_line(std::string_view name, std::string_view value);
    [[nodiscard]] bool has_room(std::size_t bytes) noexcept;

    head_limits bounds_;
    std::string method_, path_, authority_, scheme_, protocol_, cookies_, text_;
    std::size_t fields_ = 0, dropped_ = 0, cookie_bytes_ = 0;
    verdict verdict_ = verdict::good;
    bool begun_ = false; // the pseudo-header fields are over
    bool host_seen_ = false;
    bool websocket_ = false;
    bool has_length_ = false;
};

} // namespace postern::edge
