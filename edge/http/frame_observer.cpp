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

void frame_observer::start_payload() noexcept {
    const std::uint8_t length = header_[1] & 0x7f;
    std::uint64_t bytes = length;
    if (length >= 126) {
        bytes = 0;
        const std::size_t width = length == 126 ? 2 : 8;
        for (std::size_t i = 0; i < width; ++i)
            bytes = (bytes << 8) | header_[2 + i];
    }
    payload_bytes_ = payload_left_ = bytes;
    peeked_ = 0;
    in_payload_ = true;
    judged_ = (header_[0] & 0x0f) >= opcode_control;
}

bool frame_observer::is_keep_alive() const noexcept {
    if (payload_bytes_ != vite_ping.size() || peeked_ < vite_ping.size())
        return false;
    return std::equal(vite_ping.begin(), vite_ping.end(), peek_.begin());
}

bool frame_observer::data_in(std::string_view bytes) noexcept {
    bool found = false;
    while (!bytes.empty()) {
        if (!in_payload_) {
            const bool whole = header_byte(static_cast<std::uint8_t>(bytes.front()));
            bytes.remove_prefix(1);
            if (!whole)
                continue;
            start_payload();
        }
        const bool masked = header_[1] & mask_bit;
        const std::uint8_t* const mask = header_.data() + header_need_ - 4;
        const auto here =
            static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size()));
        for (std::size_t i = 0; i < here && peeked_ < peek_bytes; ++i, ++peeked_)
            peek_[peeked_] = masked ? static_cast<char>(bytes[i] ^ mask[peeked_ % 4]) : bytes[i];
        payload_left_ -= here;
        bytes.remove_prefix(here);
        const bool enough = payload_left_ == 0 || peeked_ == peek_bytes;
        if (!judged_ && enough) {
            judged_ = true;
            found = found || !is_keep_alive();
        }
        if (payload_left_ == 0) {
            in_payload_ = false;
            header_have_ = 0;
            header_need_ = 2;
        }
    }
    return found;
}

} // namespace postern::edge
