#include "base/call_notes.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(call_notes, are_taken_from_a_sentence_that_has_them) {
    for (const unsigned attempts : {0U, 1U, 4U, 17U})
        for (const char* id : {"", "R1", "4FKV2-x/=+"})
            for (const char* behind : {"", "; another host may feed Redis", " (really)"}) {
                const std::string notes = notes_of(attempts, id);
                EXPECT_EQ(without_notes("DynamoDB Scan: no" + notes + behind),
                          std::string{"DynamoDB Scan: no"} + behind)
                    << notes;
            }
    EXPECT_EQ(notes_of(4, "R1"), " (4 attempts, request R1)");
    EXPECT_EQ(notes_of(1, ""), "");
    EXPECT_EQ(without_notes("a (2 attempts); b (request x)"), "a; b");
}

TEST(call_notes, are_nothing_else_in_brackets) {
    for (const char* text : {"", " ", "a", "no (request", "(2 attempts)", "no (attempts)",
                             "no (2 attempts, or three)", "no ( request x)", "no (request a b)"})
        EXPECT_EQ(without_notes(text), text);
}

} // namespace
} // namespace postern::base
