#include "edge/http/chunked.hpp"

#include "base/percent.hpp"
#include "edge/http/scan.hpp"

#include <algorithm>
#include <charconv>

namespace postern::edge {
namespace {

constexpr std::uint8_t digits_max = 16;
constexpr std::uint64_t chunk_bytes_max = (std::uint64_t{1} << 63U) - 1;
constexpr std::uint32_t extension_bytes_max = 256;
// One-byte chunks with long extensions would else make us read 256 times what we pass on.
constexpr std::uint32_t extensions_bytes_max = 16 * 1024;
constexpr std::uint32_t trailer_bytes_max = 8 * 1024;

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

} // namespace

chunk_decoder::step chunk_decoder::next(std::string_view input) {
    step done_now;
    const auto finish = [&](enum state s) {
        done_now.state = s;
        done_now.reason = reason_;
        return done_now;
    };
    if (phase_ == phase::done)
        return finish(state::done);
    if (phase_ == phase::bad)
        return finish(state::bad);
    std::size_t i = 0;
    while (i < input.size() && phase_ != phase::data && phase_ != phase::done) {
        if (const char* reason = take(input[i])) {
            reason_ = reason;
            phase_ = phase::bad;
            done_now.consumed = i;
            return finish(state::bad);
        }
        ++i;
    }
    if (phase_ == phase::data) {
        const std::size_t bytes =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - i));
        done_now.content = input.substr(i, bytes);
        left_ -= bytes;
        i += bytes;
        if (left_ == 0)
            phase_ = phase::data_cr;
    }
    done_now.consumed = i;
    return finish(phase_ == phase::done ? state::done : state::more);
}

const char* chunk_decoder::take(char c) noexcept {
    switch (phase_) {
    case phase::size:
    case phase::extension:
    case phase::size_lf:
        return take_in_size_line(c);
    case phase::data_cr:
        if (c != '\r')
            return "no CR after a chunk";
        phase_ = phase::data_lf;
        return nullptr;
    case phase::data_lf:
        if (c != '\n')
            return "no LF after a chunk";
        phase_ = phase::size;
        digits_ = 0;
        return nullptr;
    default:
        return take_in_trailer(c);
    }
}

const char* chunk_decoder::take_in_size_line(char c) noexcept {
    if (phase_ == phase::size_lf) {
        if (c != '\n')
            return "a CR without its LF after a chunk size";
        phase_ = left_ == 0 ? phase::line_start : phase::data;
        return nullptr;
    }
    if (phase_ == phase::extension) {
        if (c == '\r') {
            phase_ = phase::size_lf;
            return nullptr;
        }
        if (is_control(c))
            return "a control byte in a chunk extension";
        if (++extension_bytes_ > extension_bytes_max || ++extensions_bytes_ > extensions_bytes_max)
            return "chunk extensions longer than allowed";
        return nullptr;
    }
    const int digit = base::hex_digit_value(c);
    if (digit >= 0) {
        if (digits_ == 0)
            left_ = 0;
        if (++digits_ > digits_max || left_ > (chunk_bytes_max >> 4U))
            return "a chunk size that is too large";
        left_ = left_ << 4U | static_cast<unsigned>(digit);
        return nullptr;
    }
    if (digits_ == 0)
        return "no chunk size";
    if (c == '\r') {
        phase_ = phase::size_lf;
        return nullptr;
    }
    // RFC 9112 7.1.1 allows blanks before ';' only for the sake of old senders; nobody sends them
    // in good faith.
    if (c != ';')
        return "a byte after a chunk size that is no extension";
    phase_ = phase::extension;
    extension_bytes_ = 0;
    return nullptr;
}

const char* chunk_decoder::take_in_trailer(char c) noexcept {
    if (++trailer_bytes_ > trailer_bytes_max)
        return "trailers longer than allowed";
    switch (phase_) {
    case phase::line_start:
        if (c == '\r') {
            phase_ = phase::last_lf;
            return nullptr;
        }
        if (!is_token_byte(c))
            return "a malformed trailer";
        phase_ = phase::trailer_name;
        return nullptr;
    case phase::trailer_name:
        if (c == ':')
            phase_ = phase::trailer_value;
        else if (!is_token_byte(c))
            return "a malformed trailer";
        return nullptr;
    case phase::trailer_value:
        if (c == '\r')
            phase_ = phase::trailer_lf;
        else if (is_control(c))
            return "a control byte in a trailer";
        return nullptr;
    case phase::trailer_lf:
        if (c != '\n')
            return "a CR without its LF in a trailer";
        phase_ = phase::line_start;
        return nullptr;
    default: // last_lf
        if (c != '\n')
            return "a CR without its LF after the trailers";
        phase_ = phase::done;
        return nullptr;
    }
}

std::size_t write_chunk_size(char* out, std::uint64_t size) noexcept {
    const auto end = std::to_chars(out, out + 16, size, 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    return static_cast<std::size_t>(end - out) + 2;
}

} // namespace postern::edge
