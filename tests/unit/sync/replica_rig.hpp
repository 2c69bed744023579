// A replica of a test's own, and rows to fill it with.
#pragma once

#include "sync/replica/replica.hpp"
#include "sync/replica/replica_store.hpp"
#include "tests/unit/sync/temporary_store.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace postern::sync {

using namespace std::chrono_literals;

inline session session_of(const std::string& id, const std::string& thread = {}) {
    session one;
    one.session_id = id;
    one.client_id = "acme";
    one.thread_id = thread.empty() ? id : thread;
    one.status = session_status::active;
    one.target = *base::ip_endpoint::parse("10.0.0.1:4321");
    one.created_at_ms = one.last_activity_at_ms = 1'700'000'000'000;
    one.access_generation = 1;
    return one;
}

inline row_change is_now(const session& record, std::uint64_t version = 0,
                         const std::string& container = {}) {
    return {record.session_id, session_row{{record, {}}, container}, version};
}
inline row_change is_gone(const std::string& key, std::uint64_t version = 0) {
    return {key, std::nullopt, version};
}

struct replica_test : testing::Test {
    replica_test() {
        options.path = directory.file("sessions.table.replica");
        options.of = "dynamodb/test/sessions";
        options.route_key = *base::text_template::parse("{clientId}-{threadId}");
        options.busy_timeout = 200ms;
    }
    void prepare() {
        const auto made = prepare_replica(options, [&](const std::string& said) { noted = said; });
        ASSERT_TRUE(made) << made.error().text();
    }
    std::unique_ptr<row_sink> rows() {
        auto opened =
            open_session_rows(options, clock, [&](std::string_view key, const std::string& why) {
                defects.push_back(std::string{key} + ": " + why);
            });
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(*opened);
    }
    std::unique_ptr<row_sink> containers() {
        auto opened =
            open_container_rows(options, [&](std::string_view key, const std::string& why) {
                defects.push_back(std::string{key} + ": " + why);
            });
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(*opened);
    }
    base::result<void> wrote(std::string_view key, const session_row& row, std::uint64_t version) {
        auto by = writer();
        return by->wrote(key, row, version, by->mark().value());
    }
    base::result<void> found(std::string_view key, const session_row& row, std::uint64_t version) {
        auto by = writer();
        return by->found(key, row, version, by->mark().value());
    }
    base::result<void> removed(std::string_view key, std::uint64_t version) {
        auto by = writer();
        return by->removed(key, version, by->mark().value());
    }
    std::unique_ptr<replica_writer> writer() {
        auto opened = open_replica_writer(options, clock);
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(*opened);
    }
    base::result<std::unique_ptr<store>> open_store() {
        return open_replica_store(options, [this] { return current_at_ms; });
    }
    /// A loaded replica.
    void load(std::vector<row_change> changes) {
        prepare();
        auto into = rows();
        ASSERT_TRUE(into->put(changes, ""));
        ASSERT_TRUE(into->sweep([](std::string_view) { return true; }, "p1"));
    }
    std::string status_of(const std::string& id) {
        auto opened = open_sqlite_store({options.path});
        const auto found = (*opened)->get(id);
        return found ? std::string{name_of(found->status)} : "none";
    }

    temporary_directory directory;
    base::manual_clock clock;
    replica_options options;
    std::int64_t current_at_ms = 0;
    std::vector<std::string> defects;
    std::string noted;
};

} // namespace postern::sync
