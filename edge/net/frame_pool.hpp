// Memory of coroutine frames: a list of free blocks for each size, one pool a thread.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace postern::edge {

/// Blocks are kept for good: a worker's peak of waiting requests is soon reached again.
class frame_pool {
  public:
    static void* take(std::size_t bytes) {
        if (bytes > pooled_max)
            return ::operator new(bytes);
        block*& first = lists()[index_of(bytes)];
        if (!first)
            return ::operator new(size_of(index_of(bytes)));
        block* const taken = first;
        first = taken->next;
        return taken;
    }
    static void give_back(void* frame, std::size_t bytes) noexcept {
        if (bytes > pooled_max)
            return ::operator delete(frame);
        block*& first = lists()[index_of(bytes)];
        first = ::new (frame) block{first};
    }

  private:
    struct block {
        block* next;
    };
    // glibc's malloc has blocks of 16 n + 8 bytes: sizes between them would be rounded up to them,
    // and frames wait in great numbers.
    static constexpr std::size_t step = 16, odd = 8, largest = 8192;
#ifdef __SANITIZE_ADDRESS__
    static constexpr std::size_t pooled_max = 0; // so that it sees who uses a frame after its end
#else
    static constexpr std::size_t pooled_max = largest;
#endif
    static constexpr std::size_t index_of(std::size_t bytes) noexcept {
        return (bytes - 1 + step - odd) / step;
    }
    static constexpr std::size_t size_of(std::size_t index) noexcept {
        return index * step + odd;
    }
    static std::array<block*, largest / step + 1>& lists() noexcept {
        static thread_local constinit std::array<block*, largest / step + 1> free{};
        return free;
    }
};

} // namespace postern::edge
