#include "edge/net/buffers.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

void fill(input_buffer& buffer, std::size_t bytes) {
    while (buffer.view().size() < bytes) {
        const std::span<char> room = buffer.room(std::size_t{1} << 20U);
        const std::size_t some = std::min(room.size(), bytes - buffer.view().size());
        buffer.filled(some);
    }
}

TEST(input_buffer, gives_back_only_what_is_empty_and_larger) {
    input_buffer buffer{2048};
    fill(buffer, 3000);
    buffer.release_beyond(2048);
    EXPECT_EQ(buffer.view().size(), 3000U) << "something is in it";
    buffer.consume(3000);
    const char* const before = buffer.room(1 << 20).data();
    buffer.release_beyond(4096);
    EXPECT_EQ(buffer.room(1 << 20).data(), before) << "it is no larger than that";
    EXPECT_EQ(buffer.room(1 << 20).size(), 4096U);
    buffer.release_beyond(4095);
    EXPECT_EQ(buffer.room(1 << 20).size(), 2048U);
}

} // namespace
} // namespace postern::edge
