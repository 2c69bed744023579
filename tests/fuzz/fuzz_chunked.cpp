// Whatever bytes stand for a chunked body: the same content and the same end in every cut, nothing
// read too far.
#include "base/check.hpp"
#include "edge/http/chunked.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace postern::edge;

struct decoded {
    chunk_decoder::state state = chunk_decoder::state::more;
    std::string content;
    std::size_t consumed = 0;
    bool operator==(const decoded&) const = default;
};

decoded decode(std::string_view bytes, std::size_t piece) {
    chunk_decoder decoder;
    decoded out;
    for (std::size_t start = 0; start < bytes.size(); start += piece) {
        std::string_view left = bytes.substr(start, piece);
        while (!left.empty() && out.state == chunk_decoder::state::more) {
            const auto step = decoder.next(left);
            POSTERN_CHECK(step.consumed <= left.size());
            POSTERN_CHECK(step.content.empty() || (step.content.data() >= left.data() &&
                                                   step.content.data() + step.content.size() <=
                                                       left.data() + step.consumed));
            POSTERN_CHECK(step.consumed > 0 || step.state != chunk_decoder::state::more);
            out.content += step.content;
            out.consumed += step.consumed;
            out.state = step.state;
            left.remove_prefix(step.consumed);
        }
        if (out.state != chunk_decoder::state::more)
            break;
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const decoded whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
    POSTERN_CHECK(whole == decode(bytes, 1));
    POSTERN_CHECK(whole == decode(bytes, std::size_t{data[0]} + 1));
    POSTERN_CHECK(whole.content.size() <= whole.consumed);
    // Content written as one chunk is read back.
    if (whole.content.empty())
        return 0;
    char size_line[18];
    std::string again{size_line, write_chunk_size(size_line, whole.content.size())};
    again += whole.content + "\r\n0\r\n\r\n";
    const decoded twice = decode(again, again.size());
    POSTERN_CHECK(twice.state == chunk_decoder::state::done && twice.content == whole.content);
    return 0;
}
