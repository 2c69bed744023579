// A writer stopped after each of its instructions, as SIGKILL could stop it: at every state of the
// file that comes about, the checker passes, each key has its old or its new route, readers go on,
// and a new writer goes on too.
#include "cache/inspect.hpp"
#include "cache/table_view.hpp"
#include "tests/unit/cache/child_process.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>

namespace postern::cache {
namespace {

using versions = std::map<std::string, std::uint64_t>; // 0: absent

struct stepped_operation {
    const char* name;
    std::function<void(session_writer&, const std::vector<std::string>&)> act;
    std::function<void(versions&, const std::vector<std::string>&)> effect;
    bool one_by_one = false; // several keys change, each at its own time
};

class stepped_writer : public table_test, public ::testing::WithParamInterface<stepped_operation> {
  protected:
    static constexpr std::uint64_t capacity = 10; // two buckets

    void SetUp() override {
        if (under_tsan || under_asan)
            GTEST_SKIP() << "stepping through sanitizers takes hours";
        make_table(capacity);
        // keys_[0..7] share a home bucket: one of them lies in the other bucket. keys_[8] is not
        // there yet and will pass the full bucket, too.
        const auto r = reader();
        for (std::uint64_t n = 0; keys_.size() < 9; ++n)
            if (home_of(fingerprint_of(r.hash_of(key_number(n))), 2) == 0)
                keys_.push_back(key_number(n));
        auto w = writer();
        for (std::size_t n = 0; n < 8; ++n) {
            w.put(keys_[n], route_of(keys_[n], 1));
            before_[keys_[n]] = 1;
        }
        before_[keys_[8]] = 0;
        ASSERT_TRUE(w.set_checkpoint("old"));
    }

    /// Empty when every key has its old or its new version; else what is wrong.
    std::string judged(const session_reader& r, const versions& after) const {
        bool any_old = false;
        bool any_new = false;
        for (const auto& [key, old] : before_) {
            const auto value = r.look_up(key);
            const std::uint64_t version = value ? value->version : 0;
            if (value && !difference(key, *value).empty())
                return key + " is torn";
            if (version != old && version != after.at(key))
                return key + " has version " + std::to_string(version);
            any_old = any_old || (version != after.at(key));
            any_new = any_new || (version != old);
        }
        return any_old && any_new && !GetParam().one_by_one ? "half old, half new" : "";
    }

    /// A copy of the file as a death would leave it now.
    void judge_copy(std::string_view bytes, const versions& after) const {
        const std::string copy = path("copy.table");
        set_bytes(copy, bytes);
        const auto report = check_table(copy);
        ASSERT_TRUE(report) << report.error().text();
        ASSERT_TRUE(report->good()) << report->problems.front();
        {
            auto next = session_writer::open(copy);
            ASSERT_TRUE(next) << next.error().text();
            const auto r = session_reader::open(copy, 1);
            ASSERT_EQ(judged(*r, after), "") << "after repair";
            const std::string checkpoint = next->checkpoint();
            ASSERT_TRUE(checkpoint == "old" || checkpoint == "new") << checkpoint;
            ASSERT_TRUE(next->set_checkpoint(checkpoint));
            ASSERT_EQ(next->live(), report->live);
            // Nothing has leaked: the table still takes as many as it should, and lets all of them
            // go.
            for (std::uint64_t n = next->live(); n < capacity; ++n)
                ASSERT_EQ(next->put("more" + std::to_string(n), route{}), put_result::inserted);
            ASSERT_EQ(next->put("too many", route{}), put_result::full);
            next->begin_mark();
            ASSERT_EQ(next->sweep(), capacity);
        }
        const auto clean = check_table(copy);
        ASSERT_TRUE(clean->good()) << clean->problems.front();
        ASSERT_EQ(clean->leftovers, 0U);
        ASSERT_EQ(clean->live, 0U);
    }

    std::vector<std::string> keys_;
    versions before_;
};

TEST_P(stepped_writer, leaves_old_or_new_after_each_instruction) {
    child_process child{[&] {
        auto w = session_writer::open(path());
        if (!w || !let_parent_trace())
            return 1;
        GetParam().act(*w, keys_);
        ::raise(SIGSTOP);
        return 0;
    }};
    child.wait();
    if (child.exit_code() == 1)
        GTEST_SKIP() << "no permission to trace a child";
    ASSERT_TRUE(child.stopped());
    versions after = before_;
    GetParam().effect(after, keys_);

    namespace ipc = boost::interprocess;
    const ipc::mapped_region file{ipc::file_mapping{path().c_str(), ipc::read_only},
                                  ipc::read_only};
    const std::string_view now{static_cast<const char*>(file.get_address()), file.get_size()};
    const auto r = reader();
    std::string last{now};
    std::uint64_t states = 0;
    std::uint64_t instructions = 0;
    for (child.step(); child.stopped() && child.stop_signal() == SIGTRAP; child.step()) {
        ++instructions;
        if (std::memcmp(last.data(), now.data(), now.size()) == 0)
            continue;
        last.assign(now);
        ++states;
        ASSERT_EQ(judged(r, after), "") << "a reader beside the stopped writer, state " << states;
        judge_copy(last, after);
        if (HasFatalFailure())
            FAIL() << "state " << states << ", instruction " << instructions;
    }
    ASSERT_TRUE(child.stopped()) << "the writer ended by itself";
    EXPECT_GT(states, 3U);
    RecordProperty("states", static_cast<int>(states));
    for (const auto& [key, version] : after) {
        const auto value = r.look_up(key);
        EXPECT_EQ(value ? value->version : 0, version) << key << " at the end";
    }
}

INSTANTIATE_TEST_SUITE_P(
    operations, stepped_writer,
    ::testing::Values(
        stepped_operation{"insert",
                          [](auto& w, const auto& keys) { w.put(keys[8], route_of(keys[8], 1)); },
                          [](auto& all, const auto& keys) { all[keys[8]] = 1; }},
        stepped_operation{"update",
                          [](auto& w, const auto& keys) { w.put(keys[2], route_of(keys[2], 2)); },
                          [](auto& all, const auto& keys) { all[keys[2]] = 2; }},
        stepped_operation{"update_past_home",
                          [](auto& w, const auto& keys) { w.put(keys[7], route_of(keys[7], 2)); },
                          [](auto& all, const auto& keys) { all[keys[7]] = 2; }},
        stepped_operation{"remove", [](auto& w, const auto& keys) { w.remove(keys[3], 1); },
                          [](auto& all, const auto& keys) { all[keys[3]] = 0; }},
        stepped_operation{"remove_past_home",
                          [](auto& w, const auto& keys) { w.remove(keys[7], 1); },
                          [](auto& all, const auto& keys) { all[keys[7]] = 0; }},
        stepped_operation{"sweep",
                          [](auto& w, const auto& keys) {
                              w.begin_mark();
                              w.mark(keys[0]);
                              w.sweep();
                          },
                          [](auto& all, const auto& keys) {
                              for (auto& [key, version] : all)
                                  if (key != keys[0])
                                      version = 0;
                          },
                          true},
        stepped_operation{"checkpoint",
                          [](auto& w, const auto&) { static_cast<void>(w.set_checkpoint("new")); },
                          [](auto&, const auto&) {}}),
    [](const auto& operation) { return operation.param.name; });

TEST_F(table_test, a_reader_stopped_anywhere_reads_a_whole_route_when_it_goes_on) {
    if (under_tsan || under_asan)
        GTEST_SKIP() << "stepping through sanitizers takes hours";
    make_table(10);
    auto w = writer();
    std::mt19937_64 random{7};
    std::uint64_t version = 1;
    w.put("k", route_of("k", version));
    struct outcome {
        std::uint64_t version;
        bool whole;
    };
    const shared_between_processes<outcome> read;
    const auto r = reader();
    std::uint64_t instructions_max = 4000;
    for (int round = 0; round < 80; ++round) {
        SCOPED_TRACE(round);
        *read = {};
        child_process child{[&] {
            if (!let_parent_trace())
                return 1;
            const auto value = r.look_up("k");
            if (value)
                *read = {value->version, difference("k", *value).empty()};
            return 0;
        }};
        child.wait();
        if (child.exit_code() == 1)
            GTEST_SKIP() << "no permission to trace a child";
        const std::uint64_t stop_at = random() % instructions_max;
        std::uint64_t steps = 0;
        while (steps < stop_at && child.stopped()) {
            child.step();
            ++steps;
        }
        if (child.ended()) {
            instructions_max = steps;
            continue;
        }
        const std::uint64_t before = version;
        // One change, or so many that the slot under the reader's eyes is filled again, once or
        // several times.
        const std::uint64_t changes = round % 3 == 0 ? 1 : 1030 * (round % 3) + random() % 5;
        for (std::uint64_t n = 0; n < changes; ++n)
            w.put("k", route_of("k", ++version));
        while (!child.ended())
            child.go_on();
        ASSERT_EQ(child.exit_code(), 0);
        if (read->version == 0 && steps + 200 > instructions_max)
            continue; // it was over already
        ASSERT_TRUE(read->whole) << "torn after " << steps << " instructions";
        ASSERT_TRUE(read->version >= before && read->version <= version);
    }
}

} // namespace
} // namespace postern::cache
