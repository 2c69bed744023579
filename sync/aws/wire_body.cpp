#include "sync/aws/wire_body.hpp"

#include "base/check.hpp"
#include "sync/aws/aws_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <zlib.h>

namespace postern::sync::aws {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr int gzip_window_bits = 16 + MAX_WBITS; // gzip's header and trailer, and nothing else

struct inflate_deleter {
    void operator()(z_stream* stream) const noexcept { ::inflateEnd(stream); }
};

base::result<std::string> unpacked(std::string& packed, std::size_t bytes_max) {
    z_stream stream{};
    POSTERN_CHECK(::inflateInit2(&stream, gzip_window_bits) == Z_OK);
    const std::unique_ptr<z_stream, inflate_deleter> ended{&stream};
    stream.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string text;
    for (int state = Z_OK; state != Z_STREAM_END;) {
        const std::size_t before = text.size();
        const std::size_t room = std::min(chunk_bytes, bytes_max + 1 - before);
        text.resize(before + room);
        stream.next_out = reinterpret_cast<Bytef*>(text.data() + before);
        stream.avail_out = static_cast<uInt>(room);
        state = ::inflate(&stream, Z_NO_FLUSH);
        text.resize(before + room - stream.avail_out);
        if (text.size() > bytes_max)
            return base::failure{aws_error::too_large,
                                 fmt::format("the unpacked answer is above {} bytes", bytes_max)};
        if (state != Z_OK && state != Z_STREAM_END)
            return base::failure{aws_error::garbage, "the answer is no whole gzip"};
    }
    if (stream.avail_in != 0)
        return base::failure{aws_error::garbage, "the answer goes on behind its gzip"};
    return text;
}

} // namespace

std::uint32_t crc32_of(std::string_view bytes) noexcept {
    return static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

base::result<std::string> take_body_of(http_answer& answer, std::size_t bytes_max) {
    if (const auto said = find_header(answer.headers, "x-amz-crc32")) {
        std::uint32_t sum = 0;
        const auto [end, problem] = std::from_chars(said->data(), said->data() + said->size(), sum);
        if (problem != std::errc{} || end != said->data() + said->size() ||
            sum != crc32_of(answer.body))
            return base::failure{aws_error::garbage,
                                 fmt::format("the answer's {} bytes are not those of its checksum",
                                             answer.body.size())};
    }
    const auto coding = find_header(answer.headers, "content-encoding");
    if (!coding || *coding == "identity" || coding->empty())
        return std::move(answer.body);
    if (*coding != "gzip")
        return base::failure{aws_error::garbage, fmt::format("the answer is coded as \"{}\", which "
                                                             "was not asked for",
                                                             *coding)};
    return unpacked(answer.body, bytes_max);
}

} // namespace postern::sync::aws
