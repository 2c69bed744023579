#include "edge/tls/ticket_keys.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace postern::edge {
namespace {

using found = ticket_keys::found;

found place_of(const ticket_keys& keys, const ticket_key& key) {
    ticket_key got{};
    const found where = keys.find(key.name.data(), got);
    if (where != found::nowhere) {
        EXPECT_EQ(got.cipher, key.cipher);
        EXPECT_EQ(got.mac, key.mac);
    }
    return where;
}

TEST(ticket_keys, one_turn_old_is_taken_and_two_turns_old_is_nowhere) {
    auto keys = ticket_keys::make();
    ASSERT_TRUE(keys);
    ticket_key first{};
    ASSERT_TRUE(keys->present(first));
    EXPECT_EQ(place_of(*keys, first), found::present);
    ASSERT_TRUE(keys->rotate());
    EXPECT_EQ(place_of(*keys, first), found::before);
    ticket_key second{};
    ASSERT_TRUE(keys->present(second));
    EXPECT_NE(first.name, second.name);
    EXPECT_NE(first.cipher, second.cipher);
    EXPECT_NE(first.mac, second.mac);
    ASSERT_TRUE(keys->rotate());
    EXPECT_EQ(place_of(*keys, first), found::nowhere);
    EXPECT_EQ(place_of(*keys, second), found::before);
}

TEST(ticket_keys, no_key_can_be_guessed_at_the_start) {
    auto keys = ticket_keys::make();
    ASSERT_TRUE(keys);
    EXPECT_EQ(place_of(*keys, ticket_key{}), found::nowhere);
}

// The master rotates, workers that were forked before see it.
TEST(ticket_keys, are_shared_over_a_fork) {
    auto keys = ticket_keys::make();
    ASSERT_TRUE(keys);
    ticket_key first{};
    ASSERT_TRUE(keys->present(first));
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(go[1]);
        const bool told = ::read(go[0], &byte, 1) == 1;
        ticket_key got{};
        ::_exit(told && keys->find(first.name.data(), got) == found::before ? 0 : 1);
    }
    ::close(go[0]);
    ASSERT_TRUE(keys->rotate());
    ASSERT_EQ(::write(go[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ::close(go[1]);
}

TEST(ticket_keys, a_reader_never_sees_half_a_key) {
    auto keys = ticket_keys::make();
    ASSERT_TRUE(keys);
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        while (!stop)
            ASSERT_TRUE(keys->rotate());
    }};
    // A key's name leads to its own bytes, or nowhere.
    for (int i = 0; i < 20'000; ++i) {
        ticket_key one{};
        if (!keys->present(one))
            continue;
        place_of(*keys, one);
    }
    stop = true;
    writer.join();
}

} // namespace
} // namespace postern::edge
