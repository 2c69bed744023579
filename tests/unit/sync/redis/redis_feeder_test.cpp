// A feeder that cannot read what Redis needs lets another host try.
#include "sync/feed/passing_source.hpp"
#include "sync/redis/redis_feeder.hpp"
#include "tests/unit/sync/feed/feed_rig.hpp"
#include "tests/unit/sync/redis/scripted_redis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <sys/mman.h>

namespace postern::sync::redis {
namespace {

using namespace std::chrono_literals;

/// Grants the lease, and takes all that is published.
class willing_server final : public server {
  public:
    using server::call;
    explicit willing_server(bool& is_held) : is_held_{is_held} {}
    base::result<reply> call(std::span<const std::string_view> words,
                             std::chrono::milliseconds) override {
        const std::string_view script = words[1];
        if (script == acquire_script().sha1 || script == release_script().sha1) {
            is_held_ = script == acquire_script().sha1;
            return text("1");
        }
        if (script == adopt_script().sha1)
            return array({text("ok"), text("e1"), text("0"), text("0")});
        if (script == old_keys_script().sha1)
            return array({text("ok"), text("0"), array({})});
        return array({text("ok"), text("0"), text("0"), text("0"), text("0")});
    }

  private:
    bool& is_held_;
};

/// The scripted table, whose rows this host may read or not.
class source_of_rights final : public passing_source {
  public:
    using passing_source::passing_source;
    base::result<records_page> records(std::string_view iterator, std::size_t most) override {
        if (answer_to_records != base::error_code{})
            return base::failure{answer_to_records, "GetRecords is not allowed"};
        return passing_source::records(iterator, most);
    }
    base::result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                                 std::size_t most) override {
        if (answer != base::error_code{})
            return base::failure{answer, "Scan is not allowed"};
        return passing_source::scan(segment, segments, from, most);
    }
    base::error_code answer; // to a scan; none: what it asks for
    base::error_code answer_to_records;
};

class feeder : public ::testing::Test, public feed_rig {
  protected:
    void SetUp() override {
        for (char c = 'a'; c <= 'e'; ++c)
            source.put(std::string{c});
        pass(1s);
        feeder_options how;
        how.streams = options;
        const open_server open = [this]() -> base::result<std::unique_ptr<server>> {
            return {std::make_unique<willing_server>(is_held)};
        };
        one = std::make_unique<redis_feeder>(how, table_keys{"t", "t"}, open, open, rights, *state,
                                             clock, told_, 1);
    }
    void TearDown() override {
        one.reset();
        ::close(told_to_);
    }
    [[nodiscard]] std::ptrdiff_t told(std::string_view what) {
        std::string all(1 << 20, '\0');
        all.resize(static_cast<std::size_t>(
            std::max<ssize_t>(::pread(told_to_, all.data(), all.size(), 0), 0)));
        std::ptrdiff_t times = 0;
        for (std::size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1))
            ++times;
        return times;
    }

    bool is_held = false;
    source_of_rights rights{source};
    int told_to_ = ::memfd_create("log", MFD_CLOEXEC);
    base::log told_{told_to_, base::log_level::notice, "test", clock};
};

TEST_F(feeder, whose_scans_fail_gives_way_and_rests) {
    rights.answer = store_error::unavailable;
    run(25s);
    EXPECT_TRUE(is_held);
    run(12s);
    EXPECT_FALSE(is_held) << "for another host";
    EXPECT_EQ(state->gave_way, 1U);
    EXPECT_EQ(state->leases_ended, 1U);
    EXPECT_NE(one->waits_for().find("Scan is not allowed"), std::string::npos);
    EXPECT_NE(one->waits_for().find("it has left that to other hosts"), std::string::npos);
    run(25s);
    EXPECT_FALSE(is_held);
    run(60s);
    EXPECT_EQ(state->leases, 2U) << "nobody else may have been able to";
    run(5min);
    EXPECT_GE(state->gave_way, 3U);
    EXPECT_EQ(told("another host may feed Redis: Scan is not allowed"), 1);
    EXPECT_EQ(told("this host feeds"), 1);
}

TEST_F(feeder, whose_scans_are_throttled_goes_on) {
    rights.answer = feed_error::throttled;
    run(3min);
    EXPECT_TRUE(is_held);
    EXPECT_EQ(state->gave_way, 0U);
}

TEST_F(feeder, that_cannot_read_the_stream_says_so_once) {
    rights.answer_to_records = store_error::unavailable;
    run(15min);
    EXPECT_GE(state->gave_way, 4U);
    EXPECT_EQ(told("another host may feed Redis: GetRecords is not allowed"), 1);
    EXPECT_EQ(told("from here again"), 0);
}

TEST_F(feeder, keeps_its_lease_while_redis_has_all) {
    run(10s);
    ASSERT_EQ(state->published_snapshots, 1U);
    rights.answer = store_error::unavailable;
    const auto snapshots = state->snapshots.load();
    run(8h);
    EXPECT_GT(state->snapshots, snapshots) << "they were tried";
    EXPECT_TRUE(is_held);
    EXPECT_EQ(state->gave_way, 0U);
    EXPECT_EQ(state->leases, 1U);
}

TEST_F(feeder, that_is_of_use_again_says_so_and_what_comes_then) {
    rights.answer = store_error::unavailable;
    run(40s);
    ASSERT_FALSE(is_held);
    rights.answer = {};
    run(4min);
    EXPECT_TRUE(is_held);
    EXPECT_EQ(one->waits_for(), "");
    EXPECT_EQ(told("is fed to Redis from here again"), 1);
    rights.answer = store_error::unavailable;
    source.switch_stream(false);
    run(2min);
    source.switch_stream(true);
    run(5min);
    EXPECT_GE(state->gave_way, 2U) << "after a gap the rows are needed again";
    EXPECT_EQ(told("another host may feed Redis"), 2);
}

} // namespace
} // namespace postern::sync::redis
