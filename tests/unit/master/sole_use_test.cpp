#include "edge/master/sole_use.hpp"
#include "tests/unit/master/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <unistd.h>

namespace postern::edge {
namespace {

using testing::HasSubstr;
namespace errc = boost::system::errc;

settings conf_in(const temporary_folder& folder, const std::string& table,
                 const std::string& store) {
    settings conf;
    conf.table_path = folder / table;
    conf.store.path = store.empty() ? "" : folder / store;
    conf.lifecycle.launcher.emplace();
    return conf;
}

base::result<sole_use> use_of(const settings& conf, const sole_use* running = nullptr,
                              const std::function<bool()>& again = {}) {
    return sole_use::of(conf, running, std::nullopt, again);
}

TEST(sole_use, of_a_table_is_one_posterns) {
    const temporary_folder folder;
    const settings conf = conf_in(folder, "table", "one.db");
    {
        const auto first = use_of(conf);
        ASSERT_TRUE(first) << first.error().text();
        const auto second = use_of(conf_in(folder, "table", "other.db"));
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, errc::device_or_resource_busy);
        for (const std::string& word :
             {"session_table " + conf.table_path, "process " + std::to_string(::getpid()),
              std::string{"stop that one"}, std::string{"of its own"}})
            EXPECT_THAT(second.error().what, HasSubstr(word));
    }
    EXPECT_TRUE(use_of(conf)) << "what a dead one left is no obstacle";
}

TEST(sole_use, of_a_store_is_one_launchers) {
    const temporary_folder folder;
    const auto first = use_of(conf_in(folder, "one", "db"));
    settings conf = conf_in(folder, "other", "db");
    const auto second = use_of(conf);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().what, HasSubstr("store sqlite " + conf.store.path));
    EXPECT_THAT(second.error().what, HasSubstr("launcher"));
    conf.lifecycle.launcher.reset();
    EXPECT_TRUE(use_of(conf)) << "one that launches nothing stops nothing";
    EXPECT_TRUE(use_of(conf_in(folder, "third", ""))) << "a store elsewhere has no lock here";
}

TEST(sole_use, of_a_store_is_of_the_file_that_a_link_leads_to) {
    const temporary_folder folder;
    std::ofstream{folder / "db"} << "";
    ASSERT_EQ(::symlink((folder / "db").c_str(), (folder / "link").c_str()), 0);
    const auto first = use_of(conf_in(folder, "one", "db"));
    EXPECT_FALSE(use_of(conf_in(folder, "other", "link")));
}

TEST(sole_use, goes_from_generation_to_generation) {
    const temporary_folder folder;
    auto first = use_of(conf_in(folder, "table", "one.db"));
    ASSERT_TRUE(first);
    auto same = use_of(conf_in(folder, "table", "one.db"), &*first);
    ASSERT_TRUE(same);
    EXPECT_EQ(same->table, first->table);
    EXPECT_EQ(same->store, first->store);
    auto moved = use_of(conf_in(folder, "table", "two.db"), &*same);
    ASSERT_TRUE(moved);
    EXPECT_NE(moved->store, same->store);
    EXPECT_FALSE(use_of(conf_in(folder, "other", "one.db"))) << "an older generation has it still";
    *first = {};
    *same = {};
    EXPECT_TRUE(use_of(conf_in(folder, "other", "one.db")));
    EXPECT_FALSE(use_of(conf_in(folder, "other", "two.db")));
    EXPECT_FALSE(use_of(conf_in(folder, "table", "three.db")));
}

TEST(sole_use, waits_as_long_as_it_is_told_to) {
    const temporary_folder folder;
    const settings conf = conf_in(folder, "table", "db");
    auto first = use_of(conf);
    int asked = 0;
    EXPECT_FALSE(use_of(conf, nullptr, [&] { return ++asked < 3; }));
    EXPECT_EQ(asked, 3);
    EXPECT_TRUE(use_of(conf, nullptr, [&] {
        *first = {};
        return true;
    }));
    const settings lost = conf_in(folder, "no/table", "db");
    const auto failed = use_of(lost, nullptr, [&] { return ++asked < 100; });
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().text(), HasSubstr(lock_of(lost.table_path)));
    EXPECT_EQ(asked, 3) << "only another holder is worth waiting for";
}

} // namespace
} // namespace postern::edge
