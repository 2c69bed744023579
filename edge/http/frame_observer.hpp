// Looks at WebSocket frames as they pass, and changes nothing: is anyone there, or is it only
// machines saying ping? Frame format: RFC 6455 section 5.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::edge {

/// One direction of one socket. Feed it every byte in order. What it cannot understand (an
/// extension, a protocol that is no WebSocket after all) counts as data: a session is rather kept
/// alive than stopped under someone's hands.
class frame_observer {
  public:
    /// True when these bytes hold (the start of) a text or binary frame that is no keep-alive of a
    /// known client: Vite's `{"type":"ping"}`. Control frames (ping, pong, close) never count.
    [[nodiscard]] bool data_in(std::string_view bytes) noexcept;
    /// The bytes so far are whole frames: another one may follow.
    [[nodiscard]] bool is_between_frames() const noexcept {
        return !in_payload_ && header_have_ == 0;
    }

  private:
    [[nodiscard]] bool header_byte(std::uint8_t byte) noexcept;
    void start_payload() noexcept;
    [[nodiscard]] bool is_keep_alive() const noexcept;

    static constexpr std::size_t peek_bytes = 24;
    std::array<std::uint8_t, 14> header_{};
    std::array<char, peek_bytes> peek_{};
    std::uint64_t payload_left_ = 0;
    std::uint64_t payload_bytes_ = 0;
    std::uint8_t header_have_ = 0;
    std::uint8_t header_need_ = 2;
    std::uint8_t peeked_ = 0;
    bool in_payload_ = false;
    bool judged_ = false; // this frame has been counted, or needs no look
};

} // namespace postern::edge
