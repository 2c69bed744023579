// The writer's account of the text lines: which are free, and which a slot has.
#pragma once

#include "base/check.hpp"
#include "cache/layout.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace postern::cache {

/// Gives out 1, 2 or 4 lines that lie side by side within one group of 4 and begin at a multiple of
/// their number. Used groups are filled up before another one is begun, so that the file grows by
/// what is needed. Nothing is ever moved; a group of which all lines came back is whole again.
class text_room {
  public:
    explicit text_room(const geometry& shape)
        : groups_max_{shape.text_groups()}, run_of_slot_(shape.slot_count, 0) {}

    /// How many groups were ever begun.
    [[nodiscard]] std::uint64_t groups() const noexcept { return used_.size(); }

    /// The first of `lines` for the slot; nothing when that would take more than `groups_max`
    /// groups. Requires: the slot has none.
    std::optional<std::uint32_t> take(std::uint32_t slot_number, std::uint32_t lines,
                                      std::uint64_t groups_max) {
        for (std::uint32_t run = lines; run <= text_group_lines; run *= 2)
            if (auto& some = with_free_[class_of(run)]; !some.empty())
                return give(slot_number, some.back(), lines);
        if (groups() >= std::min(groups_max, groups_max_))
            return std::nullopt;
        begin_group();
        return give(slot_number, static_cast<std::uint32_t>(groups() - 1), lines);
    }
    /// Takes back what the slot has, if anything.
    void give_back(std::uint32_t slot_number) {
        const std::uint32_t run = std::exchange(run_of_slot_[slot_number], 0);
        if (run == 0)
            return;
        const std::uint32_t first = run / 4;
        const auto lines = std::uint32_t{1} << (run % 4 - 1);
        const std::uint32_t group = first / text_group_lines;
        set_used(group, used_[group] & ~mask_of(first, lines));
    }
    /// For a slot that is in the table already. Requires: first < 2^30. What cannot be (out of
    /// range, not so aligned, somebody else's) is not the slot's: the route is damaged, and others
    /// see to it.
    void claim(std::uint32_t slot_number, std::uint32_t first, std::uint32_t lines) {
        const std::uint32_t group = first / text_group_lines;
        if (group >= groups_max_ || first % lines != 0)
            return;
        while (groups() <= group)
            begin_group();
        const std::uint8_t mask = mask_of(first, lines);
        if ((used_[group] & mask) != 0)
            return;
        set_used(group, used_[group] | mask);
        remember(slot_number, first, lines);
    }

  private:
    /// 0: nothing is free; 1, 2, 3: a run of 1, 2, 4 lines, and no longer one.
    static constexpr std::size_t class_of(std::uint32_t run) noexcept {
        return static_cast<std::size_t>(std::bit_width(run));
    }
    static std::uint8_t mask_of(std::uint32_t first, std::uint32_t lines) noexcept {
        return static_cast<std::uint8_t>(((1U << lines) - 1) << first % text_group_lines);
    }
    static std::size_t class_of_used(std::uint8_t used) noexcept {
        return used == 0                                      ? 3
               : (used & 0b0011) == 0 || (used & 0b1100) == 0 ? 2
               : used != 0b1111                               ? 1
                                                              : 0;
    }
    std::uint32_t give(std::uint32_t slot_number, std::uint32_t group, std::uint32_t lines) {
        std::uint32_t first = group * text_group_lines;
        while ((used_[group] & mask_of(first, lines)) != 0)
            first += lines;
        set_used(group, used_[group] | mask_of(first, lines));
        remember(slot_number, first, lines);
        return first;
    }
    void remember(std::uint32_t slot_number, std::uint32_t first, std::uint32_t lines) {
        POSTERN_CHECK(run_of_slot_[slot_number] == 0);
        run_of_slot_[slot_number] = first * 4 + static_cast<std::uint32_t>(class_of(lines));
    }
    void begin_group() {
        used_.push_back(0);
        place_.push_back(static_cast<std::uint32_t>(with_free_[3].size()));
        with_free_[3].push_back(static_cast<std::uint32_t>(used_.size() - 1));
    }
    void set_used(std::uint32_t group, unsigned used) {
        auto& from = with_free_[class_of_used(used_[group])];
        place_[from.back()] = place_[group];
        from[place_[group]] = from.back();
        from.pop_back();
        used_[group] = static_cast<std::uint8_t>(used);
        auto& to = with_free_[class_of_used(used_[group])];
        place_[group] = static_cast<std::uint32_t>(to.size());
        to.push_back(group);
    }

    std::uint64_t groups_max_;
    std::vector<std::uint32_t> run_of_slot_;              // first line * 4 + class; 0: none
    std::vector<std::uint8_t> used_;                      // by group: a bit a line
    std::vector<std::uint32_t> place_;                    // by group: where it stands in its list
    std::array<std::vector<std::uint32_t>, 4> with_free_; // by class
};

} // namespace postern::cache
