// Tables with damaged bytes: whatever they are, a look-up gives a whole route of its own key or
// nothing, nobody crashes or hangs, and one snapshot's worth of writing makes the table whole
// again.
#include "cache/inspect.hpp"
#include "cache/table_patrol.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>

#include <cstring>
#include <random>

namespace postern::cache {
namespace {

constexpr std::uint64_t keys = 40;
constexpr std::uint64_t capacity = 48;
constexpr int rounds = under_tsan || under_asan ? 300 : 1200;

class damaged_table : public table_test {
  protected:
    void SetUp() override {
        make_table(capacity);
        auto w = writer();
        for (std::uint64_t n = 0; n < keys; ++n)
            w.put(key_number(n), route_of(key_number(n), 1));
        ASSERT_TRUE(w.set_checkpoint("older"));
        older_ = bytes_of(path());
        for (std::uint64_t n = 0; n < keys; ++n) {
            if (n % 3 == 0)
                w.remove(key_number(n), 1);
            w.put(key_number(n), route_of(key_number(n), 2));
        }
        ASSERT_TRUE(w.set_checkpoint("newer"));
        const auto r = reader();
        for (std::uint64_t n = 0; n < keys; n += 2)
            r.add_activity(r.look_up(key_number(n))->activity, {.last_seen_ms = 5, .requests = 1});
        good_ = bytes_of(path());
        map();
    }

    void map() {
        namespace ipc = boost::interprocess;
        region_ =
            ipc::mapped_region{ipc::file_mapping{path().c_str(), ipc::read_write}, ipc::read_write};
        ASSERT_EQ(region_.get_size(), good_.size());
    }
    /// The file's bytes, to be spoilt in place.
    [[nodiscard]] char* bytes() const { return static_cast<char*>(region_.get_address()); }
    /// Undoes all damage from `offset` on.
    void restore(std::size_t offset = 0) const {
        good_.copy(bytes() + offset, std::string::npos, offset);
    }

    /// Every key reads as one of its two versions or not at all. How many are there.
    static std::uint64_t expect_whole_or_absent(const session_reader& r) {
        std::uint64_t found = 0;
        for (std::uint64_t n = 0; n < keys; ++n) {
            const std::string key = key_number(n);
            const auto value = r.look_up(key);
            if (!value)
                continue;
            ++found;
            EXPECT_EQ(difference(key, *value), "") << key;
            EXPECT_TRUE(value->version == 1 || value->version == 2 || value->version == 3) << key;
            static_cast<void>(r.activity_of(value->activity));
        }
        return found;
    }

    /// What sync does after it has lost its place: puts all there is and sweeps the rest.
    static void take_snapshot(session_writer& w) {
        w.begin_mark();
        for (std::uint64_t n = 0; n < keys; ++n) {
            const auto put = w.put(key_number(n), route_of(key_number(n), 3));
            EXPECT_NE(put, put_result::bad_key);
            EXPECT_NE(put, put_result::bad_text);
        }
        w.sweep();
        EXPECT_TRUE(w.set_checkpoint("snapshot"));
    }

    void expect_sound() const {
        const auto report = check_table(path());
        ASSERT_TRUE(report) << report.error().text();
        EXPECT_TRUE(report->good()) << report->problems.front();
        EXPECT_EQ(report->leftovers, 0U);
        EXPECT_EQ(report->live, keys);
    }

    std::string older_;
    std::string good_;
    boost::interprocess::mapped_region region_;
};

TEST_F(damaged_table, each_byte_of_the_header) {
    std::uint64_t refused = 0;
    for (std::size_t at = 0; at < sizeof(file_header); ++at) {
        bytes()[at] = static_cast<char>(good_[at] ^ (1 << (at % 8)));
        auto r = session_reader::open(path(), 0);
        const bool is_fixed_part = at < offsetof(file_header, changes);
        ASSERT_EQ(!r, is_fixed_part) << "byte " << at;
        if (r) {
            ASSERT_EQ(expect_whole_or_absent(*r), keys) << "byte " << at;
            auto w = session_writer::open(path());
            ASSERT_TRUE(w) << "byte " << at;
            ASSERT_EQ(w->live(), keys) << "byte " << at;
            // A checkpoint that was spoilt gives way to the one before it, or to none: never to
            // nonsense.
            const std::string checkpoint = w->checkpoint();
            ASSERT_TRUE(checkpoint == "newer" || checkpoint == "older" || checkpoint.empty())
                << "byte " << at << ": " << checkpoint;
        } else {
            ++refused;
        }
        const auto report = check_table(path());
        ASSERT_TRUE(report);
        ASSERT_TRUE(report->good() != is_fixed_part || at >= offsetof(file_header, checkpoints))
            << "byte " << at;
        good_.copy(bytes(), sizeof(file_header));
    }
    EXPECT_EQ(refused, offsetof(file_header, changes));
}

/// One random change of a kind that disks, memories and crashes make.
class vandal {
  public:
    vandal(std::uint64_t seed, std::string older) : random_{seed}, older_{std::move(older)} {}

    void spoil(char* bytes) {
        const std::size_t at = somewhere();
        const std::size_t line = at / 64 * 64;
        const std::size_t page = at / page_bytes * page_bytes;
        switch (below(7)) {
        case 0:
        case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
            break;
        case 2:
            bytes[at] = static_cast<char>(below(256));
            break;
        case 3:
            std::memset(bytes + line, 0, 64);
            break;
        case 4:
            for (std::size_t i = 0; i < 64; ++i)
                bytes[line + i] = static_cast<char>(below(256));
            break;
        case 5: // a page that was never written back
            older_.copy(bytes + page, page_bytes, page);
            break;
        case 6: // a word of one place in another
            std::memmove(bytes + somewhere() / 8 * 8, bytes + at / 8 * 8, 8);
            break;
        }
    }
    std::size_t below(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_);
    }

  private:
    /// Mostly where something lies: the index, the first slots, the lines; seldom the header.
    std::size_t somewhere() {
        const geometry shape = geometry_of(capacity);
        switch (below(9)) {
        case 0:
            return below(shape.file_bytes);
        case 1:
            return offsetof(file_header, changes) + below(sizeof(file_header) - 256);
        case 2:
        case 3:
        case 4:
            return shape.index_offset + below(shape.bucket_count * sizeof(bucket));
        case 5:
        case 6:
            return shape.slots_offset + below(3 * capacity * sizeof(slot));
        case 7:
            return shape.texts_offset + below(3 * capacity * sizeof(text_line));
        default:
            return shape.activity_offset + below(shape.places() * sizeof(activity_line));
        }
    }

    std::mt19937_64 random_;
    std::string older_;
};

TEST_F(damaged_table, at_random_before_it_is_opened) {
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
        SCOPED_TRACE(round);
        vandal v{static_cast<std::uint64_t>(round), older_};
        restore();
        for (std::size_t n = v.below(4) == 0 ? 30 : 1 + v.below(3); n > 0; --n)
            v.spoil(bytes());
        ASSERT_TRUE(check_table(path()));
        static_cast<void>(dump_table(path(), [](auto key, const route& value, const activity&) {
            EXPECT_EQ(difference(key, value), "");
        }));
        if (!session_reader::open(path(), 0)) {
            ASSERT_EQ(*prepare(path(), capacity), prepared::rebuilt);
            map();
        }
        const auto r = reader();
        expect_whole_or_absent(r);
        auto w = writer();
        expect_whole_or_absent(r);
        w.for_each([](std::string_view key, const route& value) {
            EXPECT_EQ(difference(key, value), "");
        });
        take_snapshot(w);
        { auto gone = std::move(w); }
        auto next =
            writer(); // takes back the slots that were left out, and damage found on the way
        take_snapshot(next);
        { auto gone = std::move(next); }
        EXPECT_EQ(expect_whole_or_absent(r), keys);
        expect_sound();
    }
}

TEST_F(damaged_table, at_random_while_it_is_in_use) {
    for (int round = 0; round < rounds / 4 && !HasFailure(); ++round) {
        SCOPED_TRACE(round);
        vandal v{static_cast<std::uint64_t>(round) + 1'000'000, older_};
        restore();
        const auto r = reader();
        {
            auto w = writer();
            base::steady_time now{std::chrono::hours{1}};
            ASSERT_TRUE(w.patrol(now));
            for (int step = 0; step < 6; ++step) {
                v.spoil(bytes());
                expect_whole_or_absent(r);
                const std::string key = key_number(v.below(keys));
                w.put(key, route_of(key, 3));
                w.remove(key_number(v.below(keys)), 3);
                w.for_each_active([](std::string_view k, const route& value, const activity&) {
                    EXPECT_EQ(difference(k, value), "");
                });
                ASSERT_TRUE(w.patrol(now += patrol_gap));
                take_snapshot(w);
            }
        }
        auto w = writer();
        take_snapshot(w);
        { auto gone = std::move(w); }
        EXPECT_EQ(expect_whole_or_absent(r), keys);
        expect_sound();
    }
}

} // namespace
} // namespace postern::cache
