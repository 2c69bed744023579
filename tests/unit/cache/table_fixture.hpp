// What the tests of cache/ share: a directory of their own, routes whose every field follows from
// key and version, and raw access to a table file's bytes.
#pragma once

#include "cache/hash.hpp"
#include "cache/layout.hpp"
#include "cache/segment.hpp"
#include "cache/session_reader.hpp"
#include "cache/session_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace postern::cache {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif

/// A fresh directory, gone at the end of the test.
class table_test : public ::testing::Test {
  protected:
    table_test() {
        std::string pattern = (std::filesystem::temp_directory_path() / "table-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~table_test() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    [[nodiscard]] std::string path(std::string_view name = "sessions.table") const {
        return (directory_ / name).string();
    }
    void make_table(std::uint64_t capacity) const {
        const auto done = prepare(path(), capacity);
        ASSERT_TRUE(done) << done.error().text();
    }
    [[nodiscard]] session_writer writer() const {
        auto opened = session_writer::open(path());
        if (!opened)
            ADD_FAILURE() << opened.error().text();
        return std::move(opened.value());
    }
    [[nodiscard]] session_reader reader(std::uint32_t process_slot = 0) const {
        auto opened = session_reader::open(path(), process_slot);
        if (!opened)
            ADD_FAILURE() << opened.error().text();
        return std::move(opened.value());
    }

  private:
    std::filesystem::path directory_;
};

inline std::string key_number(std::uint64_t n) {
    // Some keys are short, some fill several cache lines.
    return "client-" + std::to_string(n) + std::string(n % 5 * 40, static_cast<char>('a' + n % 26));
}

/// A route that differs in every field from every other (key, version).
inline route route_of(std::string_view key, std::uint64_t version) {
    const std::uint64_t h = sip_hash({version, 7}, key);
    route r;
    r.state = static_cast<route_state>(1 + h % 5);
    for (std::size_t i = 0; i < 16; ++i)
        r.target.address.bytes[i] = static_cast<std::uint8_t>(h >> (i % 8 * 8));
    r.target.port = static_cast<std::uint16_t>(h >> 16);
    r.version = version;
    r.started_at_ms = static_cast<std::int64_t>(h % 4'000'000'000) * 1000;
    r.resume_until_ms = static_cast<std::int64_t>(h >> 3);
    r.expires_at_ms = static_cast<std::int64_t>(h >> 5);
    r.access_generation = static_cast<std::uint32_t>(h >> 7);
    const std::string id = h % 3 == 0 ? std::string{key} : "id-" + std::to_string(h);
    r.set_text(id, std::string(h % 60, static_cast<char>('A' + h % 26)));
    return r;
}

/// Empty when `r` is what route_of made for the version that `r` itself carries; else what differs.
inline std::string difference(std::string_view key, const route& r) {
    const route whole = route_of(key, r.version);
    if (r.state != whole.state)
        return "state";
    if (r.target != whole.target)
        return "target";
    if (r.started_at_ms != whole.started_at_ms)
        return "started_at";
    if (r.resume_until_ms != whole.resume_until_ms)
        return "resume_until";
    if (r.expires_at_ms != whole.expires_at_ms)
        return "expires_at";
    if (r.access_generation != whole.access_generation)
        return "access_generation";
    if (r.session_id() != whole.session_id())
        return "session_id";
    if (r.reason() != whole.reason())
        return "reason";
    return {};
}

inline std::string bytes_of(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline void set_bytes(const std::string& path, std::string_view bytes) {
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    std::filesystem::permissions(path, std::filesystem::perms::owner_read |
                                           std::filesystem::perms::owner_write);
}

} // namespace postern::cache
