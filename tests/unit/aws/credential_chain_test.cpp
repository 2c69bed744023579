#include "sync/aws/credential_chain.hpp"
#include "tests/unit/aws/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace postern::sync::aws {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

struct scripted_provider final : credential_provider {
    explicit scripted_provider(std::string n) : called{std::move(n)} {}
    std::string_view name() const noexcept override { return called; }
    base::result<credentials> find(const std::stop_token&) override {
        ++asked;
        return gives();
    }
    std::string called;
    std::atomic<int> asked = 0;
    std::function<base::result<credentials>()> gives = [] { return nothing_here("not set"); };
};

struct credential_chain_test : testing::Test {
    base::manual_clock hands;
    double dice = 0;
    scripted_provider* first = nullptr;
    scripted_provider* second = nullptr;
    std::unique_ptr<credential_chain> chain;
    int made = 0;

    void SetUp() override {
        std::vector<std::unique_ptr<credential_provider>> all;
        for (scripted_provider** at : {&first, &second}) {
            auto one = std::make_unique<scripted_provider>(at == &first ? "first" : "second");
            *at = one.get();
            all.push_back(std::move(one));
        }
        chain = std::make_unique<credential_chain>(
            std::move(all), hands, [this] { return dice; }, no_log());
    }
    /// New ones at each call, good for so long.
    std::function<base::result<credentials>()> fresh_for(milliseconds life) {
        return [this, life]() -> base::result<credentials> {
            return credentials{"key" + std::to_string(++made), "s", "t", hands.wall() + life, "x"};
        };
    }
    std::string key() {
        const auto got = chain->get({});
        return got ? (*got)->access_key_id : name_of(error_in(got)).data();
    }
};

TEST_F(credential_chain_test, takes_the_first_that_has_some) {
    second->gives = fresh_for(hours{1});
    EXPECT_EQ(key(), "key1");
    EXPECT_EQ(key(), "key1");
    EXPECT_EQ(first->asked, 1);
    EXPECT_EQ(second->asked, 1);
}

TEST_F(credential_chain_test, names_all_that_was_tried) {
    second->gives = [] { return nothing_here("no file"); };
    const auto got = chain->get({});
    EXPECT_EQ(error_in(got), aws_error::no_credentials);
    EXPECT_EQ(got.error().what, "first: not set; second: no file");
}

TEST_F(credential_chain_test, takes_nobody_else_for_one_that_is_set_up_and_broken) {
    first->gives = [] { return unusable("no such profile"); };
    second->gives = fresh_for(hours{1});
    const auto got = chain->get({});
    EXPECT_EQ(error_in(got), aws_error::no_credentials);
    EXPECT_EQ(got.error().what, "first: no such profile");
    EXPECT_EQ(second->asked, 0);
}

TEST_F(credential_chain_test, keeps_static_keys_for_ever) {
    first->gives = [] { return credentials{"static", "s", "", {}, "x"}; };
    EXPECT_EQ(key(), "static");
    hands.advance(hours{24 * 365});
    EXPECT_EQ(key(), "static");
    EXPECT_EQ(first->asked, 1);
}

TEST_F(credential_chain_test, refreshes_minutes_before_the_end) {
    for (const auto& [d, before_end] : {std::pair{0.0, minutes{5}}, std::pair{0.99, minutes{10}}}) {
        SetUp();
        made = 0;
        dice = d;
        first->gives = fresh_for(hours{6});
        EXPECT_EQ(key(), "key1");
        hands.advance(hours{6} - before_end - seconds{5});
        EXPECT_EQ(key(), "key1");
        hands.advance(seconds{10});
        EXPECT_EQ(key(), "key2");
    }
}

TEST_F(credential_chain_test, refreshes_short_ones_after_half_to_three_quarters) {
    first->gives = fresh_for(minutes{4});
    EXPECT_EQ(key(), "key1");
    hands.advance(minutes{3} - seconds{1});
    EXPECT_EQ(key(), "key1");
    hands.advance(seconds{2});
    EXPECT_EQ(key(), "key2");
    dice = 0.99;
    hands.advance(minutes{4});
    EXPECT_EQ(key(), "key3");
    hands.advance(minutes{2} + seconds{5});
    EXPECT_EQ(key(), "key4");
}

TEST_F(credential_chain_test, keeps_the_old_ones_while_a_refresh_fails) {
    dice = 0.5;
    first->gives = fresh_for(hours{1});
    EXPECT_EQ(key(), "key1");
    first->gives = [] { return base::failure{aws_error::down, "away"}; };
    hands.advance(minutes{55});
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(key(), "key1");
    EXPECT_EQ(first->asked, 2); // not at every call
    for (int i = 0; i < 240; ++i) {
        hands.advance(seconds{1});
        EXPECT_EQ(key(), "key1");
    }
    EXPECT_GT(first->asked, 10);
    EXPECT_LT(first->asked, 30);
    hands.advance(minutes{1});
    EXPECT_EQ(key(), "no_credentials"); // the end
    EXPECT_EQ(second->asked, 0);
    first->gives = fresh_for(hours{1});
    hands.advance(seconds{31});
    EXPECT_EQ(key(), "key2");
}

TEST_F(credential_chain_test, tells_of_the_failure_at_once_between_tries) {
    dice = 0.9;
    EXPECT_EQ(key(), "no_credentials");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(key(), "no_credentials");
    EXPECT_EQ(first->asked, 1);
    hands.advance(seconds{1});
    EXPECT_EQ(key(), "no_credentials");
    EXPECT_EQ(first->asked, 2);
}

TEST_F(credential_chain_test, asks_not_at_once_again_where_the_same_ones_come) {
    const auto end = hands.wall() + hours{1};
    first->gives = [end] { return credentials{"same", "s", "t", end, "x"}; };
    EXPECT_EQ(key(), "same");
    hands.advance(minutes{56});
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(key(), "same");
    EXPECT_EQ(first->asked, 2);
    hands.advance(minutes{1});
    EXPECT_EQ(key(), "same");
    EXPECT_EQ(first->asked, 3);
}

TEST_F(credential_chain_test, does_not_take_expired_ones) {
    first->gives = fresh_for(seconds{-1});
    const auto got = chain->get({});
    EXPECT_EQ(error_in(got), aws_error::no_credentials);
    EXPECT_THAT(got.error().what, HasSubstr("has expired"));
}

TEST_F(credential_chain_test, looks_along_the_whole_chain_where_its_one_has_none_any_more) {
    second->gives = fresh_for(hours{1});
    EXPECT_EQ(key(), "key1");
    second->gives = [] { return nothing_here("gone"); };
    first->gives = [] { return credentials{"other", "s", "", {}, "x"}; };
    hands.advance(hours{1});
    EXPECT_EQ(key(), "other");
}

TEST_F(credential_chain_test, renews_what_a_service_refused) {
    first->gives = fresh_for(hours{1});
    const auto old = *chain->get({});
    EXPECT_TRUE(chain->renew(*old, {}));
    EXPECT_EQ(key(), "key2");
    EXPECT_TRUE(chain->renew(*old, {})); // another thread's: they are others by now
    EXPECT_EQ(first->asked, 2);
    const auto newer = *chain->get({});
    EXPECT_FALSE(chain->renew(*newer, {})); // too soon after
    EXPECT_EQ(first->asked, 2);
    hands.advance(seconds{5});
    first->gives = [newer] { return *newer; };
    EXPECT_FALSE(chain->renew(*newer, {})); // the same again
    EXPECT_EQ(first->asked, 3);
}

TEST_F(credential_chain_test, lets_one_thread_look) {
    std::latch begun{1}, may_end{1};
    first->gives = [&]() -> base::result<credentials> {
        begun.count_down();
        may_end.wait();
        return credentials{"one", "s", "", {}, "x"};
    };
    std::atomic<int> good = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i)
        threads.emplace_back([&] { good += key() == "one"; });
    begun.wait();
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(error_in(chain->get(stop.get_token())),
              aws_error::cancelled); // others wait, not this
    may_end.count_down();
    threads.clear();
    EXPECT_EQ(good, 6);
    EXPECT_EQ(first->asked, 1);
}

} // namespace
} // namespace postern::sync::aws
