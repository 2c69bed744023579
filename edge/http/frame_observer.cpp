#include "edge/http/frame_observer.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

constexpr std::uint8_t opcode_control = 0x8; // and above: close, ping, pong
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::string_view vite_ping = R"({"type":"ping"})";

} // namespace

bool frame_observer::header_byte(std::uint8_t byte) noexcept {
    header_[header_have_++] = byte;
    if (header_have_ == 2) {
        const std::uint8_t length = byte & 0x7f;
        header_need_ = static_cast<std::uint8_t>(2 +
                                                 (length == 126   ? 2
                                                  : length == 127 ? 8
                                                                  : 0) +
                                                 ((byte & mask_bit) ? 4 : 0));
    }
    return header_have_ >= 2 && header_have_ == header_need_;
}

bool frame_observer::start_payload() noexcept {
    const std::uint8_t length = header_[1] & 0x7f;
    std::uint64_t bytes = length;
    if (length >= 126) {
        bytes = 0;
        const std::size_t width = length == 126 ? 2 : 8;
        for (std::size_t i = 0; i < width; ++i)
            bytes = (bytes << 8) | header_[2 + i];
    }
    payload_bytes_ = payload_left_ = bytes;
    in_payload_ = true;
    const bool is_control = (header_[0] & 0x0f) >= opcode_control;
    may_be_ping_ = !is_control && bytes == vite_ping.size();
    return !is_control && !may_be_ping_;
}

bool frame_observer::differs_from_ping(std::string_view bytes) noexcept {
    const bool masked = header_[1] & mask_bit;
    const std::size_t mask_at = masked ? header_need_ - 4U : 0;
    std::size_t at = payload_bytes_ - payload_left_;
    for (const char byte : bytes) {
        const int mask = masked ? header_[mask_at + at % 4] : 0;
        if (static_cast<char>(byte ^ mask) != vite_ping[at++])
            return true;
    }
    return false;
}

bool frame_observer::data_in(std::string_view bytes) noexcept {
    bool found = false;
    while (!bytes.empty()) {
        if (!in_payload_) {
            const bool whole = header_byte(static_cast<std::uint8_t>(bytes.front()));
            bytes.remove_prefix(1);
            if (!whole)
                continue;
            if (start_payload())
                found = true;
        }
        const auto here =
            static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size()));
        if (may_be_ping_ && differs_from_ping(bytes.substr(0, here))) {
            may_be_ping_ = false;
            found = true;
        }
        payload_left_ -= here;
        bytes.remove_prefix(here);
        if (payload_left_ == 0) {
            in_payload_ = false;
            header_have_ = 0;
            header_need_ = 2;
        }
    }
    return found;
}

} // namespace postern::edge
