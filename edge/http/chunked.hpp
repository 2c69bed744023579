// Chunked transfer coding (RFC 9112 7.1): a strict decoder that works in place on whatever bytes
// there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::edge {

/// Decodes one body. Feed it the bytes received; it says how many it took and which of them are
/// content. Extensions (at most 256 bytes a chunk, 16 KiB a body) are dropped; trailers (at most 8
/// KiB) are checked and dropped. Strict: a size is 1 to 16 hexadecimal digits up to 2^63-1, a line
/// ends in CR LF, nothing else is skipped.
class chunk_decoder {
  public:
    enum class state { more, done, bad };

    struct step {
        std::size_t consumed = 0; // bytes of the input that are dealt with
        std::string_view content; // a part of the input; may be empty
        enum state state = state::more;
        const char* reason = ""; // with bad
    };

    /// One step: call again with the rest until `consumed` is 0 or the state is not `more`.
    [[nodiscard]] step next(std::string_view input);
    [[nodiscard]] bool done() const noexcept { return phase_ == phase::done; }

  private:
    enum class phase : std::uint8_t {
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        line_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
        done,
        bad,
    };
    /// One byte outside of data. nullptr, or why it is bad.
    const char* take(char c) noexcept;
    const char* take_in_size_line(char c) noexcept;
    const char* take_in_trailer(char c) noexcept;

    phase phase_ = phase::size;
    std::uint8_t digits_ = 0;            // of this chunk's size
    std::uint64_t left_ = 0;             // size being read, then data still to come
    std::uint32_t extension_bytes_ = 0;  // of this chunk
    std::uint32_t extensions_bytes_ = 0; // of the body
    std::uint32_t trailer_bytes_ = 0;
    const char* reason_ = "";
};

/// "1a2b\r\n" for a chunk of this size, written into `out` (at least 18 bytes); its length.
[[nodiscard]] std::size_t write_chunk_size(char* out, std::uint64_t size) noexcept;

} // namespace postern::edge
