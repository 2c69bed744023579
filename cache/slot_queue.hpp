// The writer's list of slots that no index entry points to: first in, first out.
#pragma once

#include "base/check.hpp"

#include <cstdint>
#include <vector>

namespace postern::cache {

/// Slot numbers in a ring of fixed size. A slot that was just taken out of the index goes to the
/// end, so that it is filled again as late as possible and readers who still look at it seldom have
/// to start over.
class slot_queue {
  public:
    explicit slot_queue(std::uint64_t slots_max) : ring_(slots_max) {}

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t front() const noexcept { return ring_[first_]; }
    void pop() noexcept {
        POSTERN_CHECK(size_ > 0);
        first_ = first_ + 1 == ring_.size() ? 0 : first_ + 1;
        --size_;
    }
    void push(std::uint32_t slot_number) noexcept {
        POSTERN_CHECK(size_ < ring_.size());
        const std::uint64_t last = first_ + size_;
        ring_[last < ring_.size() ? last : last - ring_.size()] = slot_number;
        ++size_;
    }
    void clear() noexcept { first_ = size_ = 0; }

  private:
    std::vector<std::uint32_t> ring_;
    std::uint64_t first_ = 0;
    std::uint64_t size_ = 0;
};

} // namespace postern::cache
