// A replica whose file goes, or goes bad, while it is in use.
#include "tests/unit/sync/replica_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace postern::sync {
namespace {

using replica_lost = replica_test;

TEST_F(replica_lost, that_is_deleted_in_use_is_lost_and_another_is_begun) {
    load({is_now(session_of("s1"))});
    const auto into = rows(), beside = containers();
    const auto by = writer();
    EXPECT_FALSE(into->is_lost() || beside->is_lost() || by->is_lost());
    ASSERT_TRUE(into->put(std::vector{is_now(session_of("s2"))}, "p2"));
    std::filesystem::remove(options.path); // its log stays
    EXPECT_TRUE(into->is_lost() && beside->is_lost() && by->is_lost());
    const auto renewed = renew_replica(options, [&](const std::string& said) { noted = said; });
    ASSERT_TRUE(renewed) << renewed.error().text();
    EXPECT_EQ(noted, "");
    const auto again = rows();
    EXPECT_FALSE(again->is_lost());
    EXPECT_EQ(again->position().value(), "");
    EXPECT_EQ(again->count().value(), 0U) << "nothing of the one before";
    ASSERT_TRUE(again->put(std::vector{is_now(session_of("s3"))}, "p3"));
    EXPECT_EQ(status_of("s1") + status_of("s2") + status_of("s3"), "nonenoneactive");
}

TEST_F(replica_lost, that_is_damaged_in_use_is_lost_and_set_aside) {
    std::vector<row_change> many;
    for (int i = 0; i < 500; ++i)
        many.push_back(is_now(session_of("s" + std::to_string(i))));
    load(many);
    {
        // Behind what says of which table it is: a start would take it.
        std::fstream file{options.path, std::ios::in | std::ios::out | std::ios::binary};
        const auto size = static_cast<std::streamoff>(std::filesystem::file_size(options.path));
        ASSERT_GT(size, 100'000);
        file.seekp(size / 2);
        for (std::streamoff at = size / 2; at < size; ++at)
            file.put('x');
    }
    prepare();
    const auto into = rows();
    EXPECT_FALSE(into->is_lost());
    const auto put = into->put(many, "p2");
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, store_error::invalid);
    EXPECT_TRUE(into->is_lost());
    const auto renew = [&] {
        const auto done = renew_replica(options, [&](const std::string& said) { noted = said; });
        EXPECT_TRUE(done) << done.error().text();
    };
    renew();
    EXPECT_THAT(noted, testing::HasSubstr("is begun anew: it is damaged ("));
    EXPECT_TRUE(std::filesystem::exists(options.path + ".bad"));
    const auto again = rows();
    EXPECT_TRUE(again->put(many, "p2"));
    noted.clear();
    renew(); // by the feed of the containers
    EXPECT_EQ(noted, "");
    EXPECT_FALSE(again->is_lost());
}

TEST_F(replica_lost, that_is_cut_to_nothing_in_use_is_lost) {
    load({is_now(session_of("s1"))});
    const auto into = rows();
    std::filesystem::resize_file(options.path, 0);
    EXPECT_FALSE(into->put(std::vector{is_now(session_of("s2"))}, "p2"));
    EXPECT_TRUE(into->is_lost());
    const auto renewed = renew_replica(options, [&](const std::string& said) { noted = said; });
    ASSERT_TRUE(renewed) << renewed.error().text();
    EXPECT_THAT(noted, testing::HasSubstr("is begun anew: it is empty"));
    EXPECT_EQ(rows()->count().value(), 0U);
}

} // namespace
} // namespace postern::sync
