#include "edge/limits/connection_counts.hpp"

namespace postern::edge {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

std::optional<connection_counts::place> connection_counts::add(std::uint64_t client) noexcept {
    set& here = sets_[set_of(client)];
    const std::uint64_t tag = tag_of(client);
    std::optional<std::size_t> free;
    for (std::size_t way = 0; way < ways; ++way) {
        const std::uint64_t now = here.words[way].load(relaxed);
        if ((now & count_mask) == 0) {
            if (!free)
                free = way;
        } else if ((now & ~count_mask) == tag) {
            if ((now & count_mask) == count_mask)
                return std::nullopt;
            here.words[way].store(now + 1, relaxed);
            return static_cast<place>(set_of(client) * ways + way);
        }
    }
    if (!free)
        return std::nullopt;
    here.words[*free].store(tag | 1, relaxed);
    return static_cast<place>(set_of(client) * ways + *free);
}

void connection_counts::remove(place where) noexcept {
    word& w = sets_[where / ways].words[where % ways];
    w.store(w.load(relaxed) - 1, relaxed);
}

std::uint32_t connection_counts::of(std::uint64_t client) const noexcept {
    for (const word& w : sets_[set_of(client)].words) {
        const std::uint64_t now = w.load(relaxed);
        if ((now & count_mask) != 0 && (now & ~count_mask) == tag_of(client))
            return static_cast<std::uint32_t>(now & count_mask);
    }
    return 0;
}

void connection_counts::wipe() noexcept {
    for (set& s : sets_)
        for (word& w : s.words)
            if (w.load(relaxed) != 0)
                w.store(0, relaxed);
}

} // namespace postern::edge
