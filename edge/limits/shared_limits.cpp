#include "edge/limits/shared_limits.hpp"

#include "base/check.hpp"

#include <sys/mman.h>
#include <sys/random.h>

namespace postern::edge {

base::result<shared_limits> shared_limits::make() {
    void* const at = ::mmap(nullptr, sizeof(limits_memory), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return base::failure{base::last_errno(), "no memory for limits"};
    shared_limits made{static_cast<limits_memory*>(at)};
    cache::hash_key& seed = made.memory_->seed;
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return base::failure{base::last_errno(), "no random numbers for limits"};
    return made;
}

void shared_limits::unmap::operator()(limits_memory* memory) const noexcept {
    ::munmap(memory, sizeof(limits_memory));
}

void shared_limits::use(std::uint32_t slot) const noexcept {
    POSTERN_CHECK(slot < base::limits::worker_slots);
    memory_->slots_in_use[slot / 64].fetch_or(std::uint64_t{1} << (slot % 64));
}

void shared_limits::wipe(std::uint32_t slot) const noexcept {
    POSTERN_CHECK(slot < base::limits::worker_slots);
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    // A slot that nobody took is not touched: its pages have never been made.
    if ((memory_->slots_in_use[slot / 64].fetch_and(~bit) & bit) != 0)
        memory_->connections[slot].wipe();
}

} // namespace postern::edge
