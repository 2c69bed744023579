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
    /// True when the header alone tells that it is data.
    [[nodiscard]] bool start_payload() noexcept;
    /// Of the payload's next bytes. Requires: as long as Vite's ping, and like it so far.
    [[nodiscard]] bool differs_from_ping(std::string_view bytes) noexcept;

    std::array<std::uint8_t, 14> header_{};
    std::uint64_t payload_left_ = 0;
    std::uint64_t payload_bytes_ = 0;
    std::uint8_t header_have_ = 0;
    std::uint8_t header_need_ = 2;
    bool in_payload_ = false;
    bool may_be_ping_ = false; // this frame is no data, unless the rest of it shows it
};

} // namespace postern::edge
