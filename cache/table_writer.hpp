// The write path over a mapped table: what session_writer does once the file is mapped and locked.
#pragma once

#include "cache/index_repair.hpp"
#include "cache/session_writer.hpp"
#include "cache/slot_image.hpp"
#include "cache/slot_queue.hpp"
#include "cache/table_view.hpp"
#include "cache/text_room.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::cache {

/// Invariants, at every instruction: an entry points to a slot whose content is whole; a bucket's
/// overflow count is at least the number of keys that passed it. Everything else it needs is
/// private: the index is read once and from then on only written, so that damage to it misleads
/// nobody here and can be put right. One per table at a time; not thread-safe.
class table_writer {
  public:
    /// Repairs what the last writer left (index_repair.hpp). Requires: the table's writer lock.
    /// `file`, the table's descriptor, outlives it: it grows with the texts.
    table_writer(const table_view& table, int file);

    put_result put(std::string_view key, const route& value, std::uint64_t removed_at = 0);
    bool remove(std::string_view key, std::uint64_t version);

    void begin_mark();
    void mark(std::string_view key);
    std::uint64_t sweep();

    void for_each(const std::function<void(std::string_view, const route&)>& visit) const;
    void for_each_active(
        const std::function<void(std::string_view, const route&, const activity&)>& visit);

    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }
    /// What the header's field is to be.
    [[nodiscard]] std::uint64_t text_groups() const noexcept { return texts_.groups(); }
    [[nodiscard]] const repair_report& repaired() const noexcept { return repaired_; }

    /// Puts `count` buckets from `first` on back to what was written there.
    [[nodiscard]] mended mend_index(std::uint64_t first, std::uint64_t count);
    /// Looks at the routes at `count` places from `first` on: one whose slot is damaged is taken
    /// out, one whose activity line is another's gets it back, at zero.
    [[nodiscard]] mended mend_routes(std::uint64_t first, std::uint64_t count);
    void count(counter which, std::uint64_t by = 1) const noexcept;

  private:
    static constexpr std::uint64_t nowhere = ~std::uint64_t{0};
    struct location {
        std::uint64_t place = nowhere;      // where the key lies
        std::uint64_t free_place = nowhere; // where it would be put
    };

    /// Reads the key's slot into image_ when it is found. Entries under the key's fingerprint whose
    /// slots are damaged are taken out: nobody can read them, and the key may have been theirs.
    location find(std::string_view key, std::uint64_t hash);
    put_result insert(std::string_view key, std::uint64_t hash, const route& value,
                      std::uint64_t place);
    /// Lines for the text of image_ that the slot has no room for; `groups_left` are not touched.
    /// False: its disk is full.
    [[nodiscard]] bool take_text(std::uint32_t slot_number, std::uint64_t groups_left);
    bool make_texts(std::uint64_t groups);
    void claim_texts();
    void fill(std::uint32_t slot_number);
    void take_out(std::uint64_t place);
    [[nodiscard]] std::uint32_t take_free_slot();
    void give_back(std::uint32_t slot_number);
    /// Adds `by` to the overflow counts from the entry's home up to the bucket before `place`'s.
    void add_overflow(std::uint32_t fingerprint, std::uint64_t place, std::int64_t by);
    void set_live(std::uint64_t live);
    void announce();
    [[nodiscard]] std::uint64_t entry_at(std::uint64_t place) const noexcept {
        return index_[place / bucket_entries].entries[place % bucket_entries];
    }
    void set_entry(std::uint64_t place, std::uint64_t entry);
    /// The slot at `place` into `image`; false for an empty place or a damaged slot.
    bool read(std::uint64_t place, slot_image& image) const;

    table_view table_;
    repair_report repaired_;
    std::vector<bucket> index_; // what the file's index is to be
    slot_queue free_slots_;     // exactly the slots that repaired_.slot_used has as false
    text_room texts_;
    int file_;
    std::uint64_t text_groups_there_ = 0; // in the file, without holes
    std::uint64_t live_ = 0;
    std::vector<bool> marked_;               // by place; empty when no mark and sweep goes on
    std::vector<std::uint64_t> last_active_; // by place: digest of the activity last visited
    slot_image image_;
};

} // namespace postern::cache
