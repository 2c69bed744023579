// LAYOUT.md against layout.hpp: each row of its tables must be a field with that offset and size,
// and each field a row.
#include "tests/unit/cache/table_fixture.hpp"

#include <fstream>
#include <map>
#include <vector>

namespace postern::cache {
namespace {

struct extent {
    std::uint64_t offset;
    std::uint64_t bytes;
    bool operator==(const extent&) const = default;
};
void PrintTo(const extent& e, std::ostream* out) {
    *out << "offset " << e.offset << ", " << e.bytes << " bytes";
}
using fields = std::map<std::string, extent>;

/// The cells of the table rows under "## HEADING", without the table's own head.
std::vector<std::vector<std::string>> rows_under(const std::string& heading) {
    const std::filesystem::path root{POSTERN_SOURCE_FOLDER};
    std::ifstream in{root / "cache/LAYOUT.md"};
    std::vector<std::vector<std::string>> rows;
    bool here = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("## "))
            here = line == "## " + heading;
        if (!here || !line.starts_with("|"))
            continue;
        std::vector<std::string> cells;
        std::string cell;
        for (const char c : line.substr(1)) {
            if (c == '|') {
                const auto first = cell.find_first_not_of(' ');
                const auto last = cell.find_last_not_of(' ');
                cells.push_back(first == std::string::npos ? ""
                                                           : cell.substr(first, last - first + 1));
                cell.clear();
            } else {
                cell += c;
            }
        }
        rows.push_back(cells);
    }
    if (rows.size() > 2)
        rows.erase(rows.begin(), rows.begin() + 2);
    return rows;
}

fields fields_under(const std::string& heading) {
    fields out;
    for (const auto& row : rows_under(heading))
        EXPECT_TRUE(
            out.emplace(row.at(2), extent{std::stoull(row.at(0)), std::stoull(row.at(1))}).second)
            << row.at(2);
    return out;
}

void expect_gapless(const fields& all, std::uint64_t bytes) {
    std::map<std::uint64_t, std::uint64_t> by_offset;
    for (const auto& [name, where] : all)
        by_offset[where.offset] = where.bytes;
    std::uint64_t at = 0;
    for (const auto& [offset, size] : by_offset) {
        EXPECT_EQ(offset, at);
        at = offset + size;
    }
    EXPECT_EQ(at, bytes);
}

#define POSTERN_FIELD(type, field)                                                                 \
    {                                                                                              \
#field, {                                                                                  \
            offsetof(type, field), sizeof(type::field)                                             \
        }                                                                                          \
    }

TEST(layout_md, header) {
    const fields code{POSTERN_FIELD(file_header, magic),
                      POSTERN_FIELD(file_header, format),
                      POSTERN_FIELD(file_header, capacity),
                      POSTERN_FIELD(file_header, bucket_count),
                      POSTERN_FIELD(file_header, slot_count),
                      POSTERN_FIELD(file_header, file_bytes),
                      POSTERN_FIELD(file_header, counters_offset),
                      POSTERN_FIELD(file_header, index_offset),
                      POSTERN_FIELD(file_header, slots_offset),
                      POSTERN_FIELD(file_header, activity_offset),
                      POSTERN_FIELD(file_header, asked_offset),
                      POSTERN_FIELD(file_header, texts_offset),
                      POSTERN_FIELD(file_header, hash_key),
                      POSTERN_FIELD(file_header, created_at_ms),
                      POSTERN_FIELD(file_header, fixed_reserved),
                      POSTERN_FIELD(file_header, checksum),
                      POSTERN_FIELD(file_header, changes),
                      POSTERN_FIELD(file_header, live),
                      POSTERN_FIELD(file_header, heartbeat_ms),
                      POSTERN_FIELD(file_header, synced_at_ms),
                      POSTERN_FIELD(file_header, sync_pid),
                      POSTERN_FIELD(file_header, boot_id),
                      POSTERN_FIELD(file_header, text_groups),
                      POSTERN_FIELD(file_header, waiting),
                      POSTERN_FIELD(file_header, waiting_reserved),
                      POSTERN_FIELD(file_header, checkpoints),
                      POSTERN_FIELD(file_header, tail_reserved)};
    EXPECT_EQ(fields_under("Header"), code);
    expect_gapless(code, sizeof(file_header));
}

TEST(layout_md, checkpoint_copy) {
    const fields code{POSTERN_FIELD(checkpoint_copy, generation),
                      POSTERN_FIELD(checkpoint_copy, checksum),
                      POSTERN_FIELD(checkpoint_copy, bytes), POSTERN_FIELD(checkpoint_copy, text),
                      POSTERN_FIELD(checkpoint_copy, reserved)};
    EXPECT_EQ(fields_under("Checkpoint copy"), code);
    expect_gapless(code, sizeof(checkpoint_copy));
}

TEST(layout_md, index) {
    const fields code{POSTERN_FIELD(bucket, entries), POSTERN_FIELD(bucket, overflow)};
    EXPECT_EQ(fields_under("Index"), code);
    expect_gapless(code, sizeof(bucket));
}

TEST(layout_md, slots) {
    const fields code{POSTERN_FIELD(slot, seal),          POSTERN_FIELD(slot, version),
                      POSTERN_FIELD(slot, birth),         POSTERN_FIELD(slot, shape),
                      POSTERN_FIELD(slot, address),       POSTERN_FIELD(slot, resume_until_ms),
                      POSTERN_FIELD(slot, expires_at_ms), POSTERN_FIELD(slot, access),
                      POSTERN_FIELD(slot, text)};
    EXPECT_EQ(fields_under("Slots"), code);
    expect_gapless(code, sizeof(slot));
}

TEST(layout_md, texts) {
    const fields code{POSTERN_FIELD(text_line, text)};
    EXPECT_EQ(fields_under("Texts"), code);
    expect_gapless(code, sizeof(text_line));
    EXPECT_EQ(sizeof(slot::text), slot_near_text_bytes);
}

TEST(layout_md, activity_lines) {
    const fields code{
        POSTERN_FIELD(activity_line, epoch),         POSTERN_FIELD(activity_line, last_seen_ms),
        POSTERN_FIELD(activity_line, last_push_ms),  POSTERN_FIELD(activity_line, socket_open_ms),
        POSTERN_FIELD(activity_line, refused_at_ms), POSTERN_FIELD(activity_line, requests),
        POSTERN_FIELD(activity_line, bytes_in),      POSTERN_FIELD(activity_line, bytes_out)};
    EXPECT_EQ(fields_under("Activity lines"), code);
    expect_gapless(code, sizeof(activity_line));
}

TEST(layout_md, asked_keys) {
    const fields queue{
        POSTERN_FIELD(asked_queue, put),   POSTERN_FIELD(asked_queue, put_reserved),
        POSTERN_FIELD(asked_queue, taken), POSTERN_FIELD(asked_queue, taken_reserved),
        POSTERN_FIELD(asked_queue, keys),  POSTERN_FIELD(asked_queue, reserved)};
    EXPECT_EQ(fields_under("Asked keys"), queue);
    expect_gapless(queue, sizeof(asked_queue));
    const fields key{POSTERN_FIELD(asked_key, checksum), POSTERN_FIELD(asked_key, shape),
                     POSTERN_FIELD(asked_key, asked_at_ms), POSTERN_FIELD(asked_key, text)};
    EXPECT_EQ(fields_under("Asked key"), key);
    expect_gapless(key, sizeof(asked_key));
    EXPECT_EQ(fields_under("Answers"), (fields{POSTERN_FIELD(answer_line, answers)}));
}

TEST(layout_md, constants) {
    std::map<std::string, std::uint64_t> words;
    for (const auto& row : rows_under("Constants"))
        words[row.at(0)] = std::stoull(row.at(1));
    const std::map<std::string, std::uint64_t> code{{"table_magic", table_magic},
                                                    {"layout_version", layout_version},
                                                    {"page_bytes", page_bytes},
                                                    {"capacity_max", capacity_max},
                                                    {"process_slots", process_slots},
                                                    {"counters_max", counters_max},
                                                    {"bucket_entries", bucket_entries},
                                                    {"probe_buckets_max", probe_buckets_max},
                                                    {"slot_text_bytes", slot_text_bytes},
                                                    {"slot_near_text_bytes", slot_near_text_bytes},
                                                    {"text_group_lines", text_group_lines},
                                                    {"text_step_bytes", text_step_bytes},
                                                    {"checkpoint_bytes_max", checkpoint_bytes_max},
                                                    {"spare_slots_min", spare_slots_min},
                                                    {"asked_keys_max", asked_keys_max},
                                                    {"answer_lines", answer_lines},
                                                    {"line_answers", line_answers}};
    EXPECT_EQ(words, code);
}

TEST(layout, sections_follow_each_other_at_every_capacity) {
    for (const std::uint64_t capacity : {std::uint64_t{1}, std::uint64_t{6}, std::uint64_t{1000},
                                         std::uint64_t{1'000'000}, capacity_max}) {
        SCOPED_TRACE(capacity);
        const geometry g = geometry_of(capacity);
        EXPECT_EQ(g.counters_offset, sizeof(file_header));
        EXPECT_GE(g.index_offset, g.counters_offset + process_slots * sizeof(counter_block));
        EXPECT_GE(g.slots_offset, g.index_offset + g.bucket_count * sizeof(bucket));
        EXPECT_GE(g.activity_offset, g.slots_offset + g.slot_count * sizeof(slot));
        EXPECT_GE(g.asked_offset, g.activity_offset + g.places() * sizeof(activity_line));
        EXPECT_EQ(g.texts_offset, g.asked_offset + worker_process_slots * sizeof(asked_queue) +
                                      answer_lines * sizeof(answer_line));
        EXPECT_GE(g.file_bytes, g.texts_offset + g.text_lines() * sizeof(text_line));
        EXPECT_GT(g.bytes_with_texts(0), g.texts_offset);
        EXPECT_LE(g.bytes_with_texts(0), g.texts_offset + text_step_bytes);
        EXPECT_EQ(g.bytes_with_texts(g.text_groups()), g.file_bytes);
        EXPECT_EQ(g.bytes_with_texts(~std::uint64_t{0}), g.file_bytes) << "a damaged number";
        EXPECT_LT(g.text_lines(), std::uint64_t{1} << 30) << "text_room packs their numbers";
        for (const std::uint64_t offset :
             {g.index_offset, g.slots_offset, g.activity_offset, g.asked_offset, g.texts_offset})
            EXPECT_EQ(offset % page_bytes, 0U);
        EXPECT_GE(g.places() * 3, capacity * 4) << "three quarters full at most";
        EXPECT_LT(g.slot_count, 0xffffffffU);
        EXPECT_LT(g.places(), 0xffffffffU);
        EXPECT_GT(g.slot_count, capacity);
    }
    const geometry million = geometry_of(1'000'000);
    EXPECT_EQ(million.bytes_with_texts(0) / 1'000'000, 228U) << "as LAYOUT.md says";
    EXPECT_EQ(million.bytes_with_texts(1'000'000 / 4) / 1'000'000, 292U) << "as LAYOUT.md says";
}

} // namespace
} // namespace postern::cache
