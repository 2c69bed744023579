#include "edge/settings/directives.hpp"
#include "edge/settings/setters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace postern::edge {
namespace {

TEST(directives, a_name_is_there_once_in_a_context) {
    std::set<std::pair<std::string_view, unsigned>> seen;
    for (const directive& d : all_directives())
        for (unsigned bit = 1; bit <= context::location; bit <<= 1U)
            if ((d.contexts & bit) != 0) {
                EXPECT_TRUE(seen.emplace(d.name, bit).second) << d.name;
            }
}

TEST(directives, each_is_documented) {
    for (const directive& d : all_directives()) {
        EXPECT_FALSE(d.line.empty()) << d.name;
        EXPECT_FALSE(d.line.ends_with('.')) << d.name;
        EXPECT_LE(d.line.size(), 130U) << d.name;
        EXPECT_TRUE(d.example.starts_with(d.name)) << d.name;
        EXPECT_TRUE(d.example.ends_with(';') || d.example.ends_with('}')) << d.name;
        EXPECT_EQ(d.arguments.empty(), d.words_max == 0) << d.name;
        EXPECT_LE(d.words_min, d.words_max) << d.name;
        EXPECT_EQ(d.block == block_rule::none, d.opens == 0) << d.name;
        for (const std::string_view text : {d.line, d.more, d.example, d.standard})
            EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
                return c == '\n' || (c >= ' ' && c < 0x7f);
            })) << d.name;
    }
}

template <class T>
void collect(std::span<const setter<T>> setters, unsigned contexts,
             std::set<std::pair<std::string, unsigned>>& out) {
    for (const setter<T>& s : setters)
        EXPECT_TRUE(out.emplace(std::string{s.name}, contexts).second) << s.name;
}

// The table says what may be written, the setters what it does: neither may have a name that the
// other lacks.
TEST(directives, each_has_a_setter_and_the_reverse) {
    std::set<std::pair<std::string, unsigned>> known;
    collect(main_setters(), context::main, known);
    collect(store_setters(), context::store, known);
    collect(control_setters(), context::control, known);
    collect(lifecycle_setters(), context::lifecycle, known);
    collect(launcher_setters(), context::launcher, known);
    collect(server_setters(), context::server, known);
    collect(location_setters(), context::location, known);
    for (const setter<scope>& s : scope_setters()) {
        const directive* const d = find_directive(s.name, context::location);
        ASSERT_NE(d, nullptr) << s.name;
        known.emplace(s.name, d->contexts);
    }
    for (const setter<tls_scope>& s : tls_setters()) {
        const directive* const d = find_directive(s.name, context::server);
        ASSERT_NE(d, nullptr) << s.name;
        known.emplace(s.name, d->contexts);
    }
    // What only opens a block, or is done by the parser.
    const std::set<std::string_view> without = {"include",  "control", "lifecycle",
                                                "launcher", "server",  "location"};
    std::set<std::pair<std::string, unsigned>> wanted;
    for (const directive& d : all_directives())
        if (!without.contains(d.name) || d.contexts == context::location)
            wanted.emplace(d.name, d.contexts);
    EXPECT_EQ(known, wanted);
}

TEST(directives, guesses) {
    EXPECT_EQ(nearest_directive("idle_timout", context::lifecycle), "idle_timeout");
    EXPECT_EQ(nearest_directive("lisen", context::server), "listen");
    EXPECT_EQ(nearest_directive("worker_processes", context::main), "workers");
    EXPECT_EQ(nearest_directive("pid_file", context::main), "pid");
    EXPECT_EQ(nearest_directive("proxy_pass", context::location), "proxy");
    EXPECT_EQ(nearest_directive("sesion", context::server),
              "session"); // of another context, if none is near here
    EXPECT_EQ(nearest_directive("quux", context::main), "");
    EXPECT_EQ(nearest_directive("bundle_window", context::lifecycle), "");
    EXPECT_EQ(nearest_directive(std::string(5000, 'a'), context::main), "");
    EXPECT_EQ(nearest_directive("", context::main), "");
}

TEST(directives, contexts_in_words) {
    EXPECT_EQ(text_of_contexts(context::inherited), "the main part, server or location");
    EXPECT_EQ(text_of_contexts(context::store), "store");
    EXPECT_EQ(text_of_contexts(context::server | context::location), "server or location");
}

} // namespace
} // namespace postern::edge
