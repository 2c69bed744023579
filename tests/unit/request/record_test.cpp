#include "base/unique_fd.hpp"
#include "edge/request/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace postern::edge {
namespace {

request_record example() {
    request_record r;
    r.client = "192.0.2.7";
    r.method = "GET";
    r.target = "/session/t1/a?b=c";
    r.host = "edit.acme.example.com";
    r.status = 200;
    r.bytes_sent = 1024;
    r.bytes_received = 12;
    r.referer = "http://edit.acme.example.com/";
    r.user_agent = "Mozilla/5.0 (X11)";
    r.session = "acme-t1";
    r.decision = "proxy";
    r.upstream = "127.0.0.1:4321";
    r.duration_us = 321;
    r.ended = base::wall_time{std::chrono::milliseconds{784'111'777'042}};
    return r;
}

/// A log into memory.
class log_file {
  public:
    explicit log_file(access_log_format format)
        : fd_{::memfd_create("log", MFD_CLOEXEC)}, log_{fd_.get(), format} {}
    access_log& log() { return log_; }
    [[nodiscard]] std::string content() const {
        std::string text(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(fd_.get(), text.data(), text.size(), 0),
                  static_cast<ssize_t>(text.size()));
        return text;
    }
    std::string line(const request_record& record) {
        log_.put(record);
        log_.flush();
        return content();
    }

  private:
    base::unique_fd fd_;
    access_log log_;
};

/// Local time is what `combined` says; these tests set it.
class record : public ::testing::Test {
  protected:
    record() { zone("UTC0"); }
    ~record() override {
        ::unsetenv("TZ");
        ::tzset();
    }
    static void zone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
};

TEST_F(record, combined_is_nginx_combined) {
    EXPECT_EQ(
        log_file{access_log_format::combined}.line(example()),
        "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /session/t1/a?b=c HTTP/1.1\" 200 1024 "
        "\"http://edit.acme.example.com/\" \"Mozilla/5.0 (X11)\"\n");
    request_record r = example();
    r.referer = r.user_agent = {};
    r.minor_version = 0;
    r.status = 404;
    r.bytes_sent = 0;
    zone("XYZ-05:30");
    EXPECT_EQ(log_file{access_log_format::combined}.line(r),
              "192.0.2.7 - - [06/Nov/1994:14:19:37 +0530] \"GET /session/t1/a?b=c HTTP/1.0\" 404 0 "
              "\"-\" \"-\"\n");
}

TEST_F(record, combined_without_a_request_line) {
    request_record r;
    r.status = 400;
    EXPECT_EQ(log_file{access_log_format::combined}.line(r),
              "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

TEST_F(record, json_has_every_member) {
    EXPECT_EQ(
        log_file{access_log_format::json}.line(example()),
        R"j({"time":"1994-11-06T08:49:37.042Z","client":"192.0.2.7","method":"GET",)j"
        R"j("target":"/session/t1/a?b=c","protocol":"HTTP/1.1","host":"edit.acme.example.com",)j"
        R"j("status":200,"bytes_sent":1024,"bytes_received":12,)j"
        R"j("referer":"http://edit.acme.example.com/","user_agent":"Mozilla/5.0 (X11)",)j"
        R"j("session":"acme-t1","decision":"proxy","upstream":"127.0.0.1:4321",)j"
        R"j("duration_us":321})j"
        "\n");
    EXPECT_EQ(log_file{access_log_format::json}.line({}),
              R"j({"time":"1970-01-01T00:00:00.000Z","client":"","method":"","target":"",)j"
              R"j("protocol":"HTTP/1.1","host":"","status":0,"bytes_sent":0,"bytes_received":0,)j"
              R"j("referer":"","user_agent":"","session":"","decision":"","upstream":"",)j"
              R"j("duration_us":0})j"
              "\n");
}

TEST_F(record, json_time_is_utc_and_follows_the_records) {
    zone("XYZ-05:30");
    log_file file{access_log_format::json};
    request_record r = example();
    const char* expected[] = {"08:49:37.042Z", "08:49:37.999Z", "08:49:38.000Z", "08:49:37.500Z"};
    const std::int64_t ms[] = {777'042, 777'999, 778'000, 777'500};
    for (const std::int64_t at : ms) {
        r.ended = base::wall_time{std::chrono::milliseconds{784'111'000'000 + at}};
        file.log().put(r);
    }
    file.log().flush();
    std::istringstream lines{file.content()};
    std::string line;
    for (const char* time : expected) {
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_THAT(line, ::testing::HasSubstr(time));
    }
}

TEST_F(record, no_byte_of_a_peer_makes_a_second_line) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        all += static_cast<char>(byte);
    request_record r = example();
    r.client = r.method = r.target = r.host = r.referer = r.user_agent = r.session = all;
    r.decision = r.upstream = all;
    for (const auto format : {access_log_format::combined, access_log_format::json}) {
        const std::string text = log_file{format}.line(r);
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
        for (std::size_t i = 0; i + 1 < text.size(); ++i)
            EXPECT_GE(static_cast<unsigned char>(text[i]), 0x20) << i;
    }
}

TEST_F(record, a_line_is_bounded) {
    const std::string huge(1'000'000, '\xff');
    request_record r = example();
    r.client = r.method = r.target = r.host = r.referer = r.user_agent = r.session = huge;
    r.decision = r.upstream = huge;
    for (const auto format : {access_log_format::combined, access_log_format::json}) {
        const std::string text = log_file{format}.line(r);
        EXPECT_LE(text.size(), access_log::line_bytes_max);
        EXPECT_THAT(text, ::testing::HasSubstr("..."));
    }
}

TEST_F(record, off_writes_nothing) {
    EXPECT_EQ(log_file{access_log_format::off}.line(example()), "");
}

TEST_F(record, writes_in_batches) {
    log_file file{access_log_format::json};
    const request_record r = example();
    std::size_t lines = 0;
    while (file.content().empty()) {
        file.log().put(r);
        ASSERT_LT(++lines, 10'000U);
    }
    const std::size_t batch = file.content().size();
    EXPECT_GE(batch, access_log::batch_bytes);
    EXPECT_LT(batch, access_log::batch_bytes + 1024);
    file.log().put(r);
    EXPECT_EQ(file.content().size(), batch);
    file.log().flush();
    EXPECT_GT(file.content().size(), batch);
    const std::string text = file.content();
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), lines + 1);
    EXPECT_EQ(file.log().take_lost(), 0U);
}

TEST_F(record, redirected_to_a_new_file) {
    log_file first{access_log_format::combined};
    const base::unique_fd second{::memfd_create("second", MFD_CLOEXEC)};
    first.log().put(example());
    first.log().flush();
    const std::size_t before = first.content().size();
    first.log().redirect(second.get());
    first.log().put(example());
    first.log().flush();
    EXPECT_EQ(first.content().size(), before);
    EXPECT_EQ(static_cast<std::size_t>(::lseek(second.get(), 0, SEEK_END)), before);
}

TEST_F(record, a_failed_write_loses_lines_and_counts_them) {
    const base::unique_fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    ASSERT_TRUE(full);
    access_log log{full.get(), access_log_format::json};
    for (int i = 0; i < 3; ++i)
        log.put(example());
    log.flush();
    EXPECT_EQ(log.take_lost(), 3U);
    EXPECT_EQ(log.take_lost(), 0U);
    log.flush(); // nothing is left of them
    EXPECT_EQ(log.take_lost(), 0U);
    for (int i = 0; i < 1'000; ++i)
        log.put(example());
    log.flush();
    EXPECT_EQ(log.take_lost(), 1'000U);
}

/// A disk that fills up in the middle of a line: the limit of the file's size stands in for it.
TEST_F(record, a_torn_line_is_ended_before_the_next) {
    struct file_size_limit {
        explicit file_size_limit(rlim_t bytes) {
            old_handler = ::signal(SIGXFSZ, SIG_IGN);
            ::getrlimit(RLIMIT_FSIZE, &old);
            const rlimit limit{.rlim_cur = bytes, .rlim_max = old.rlim_max};
            ::setrlimit(RLIMIT_FSIZE, &limit);
        }
        ~file_size_limit() {
            ::setrlimit(RLIMIT_FSIZE, &old);
            ::signal(SIGXFSZ, old_handler);
        }
        rlimit old{};
        void (*old_handler)(int) = nullptr;
    };
    log_file file{access_log_format::combined};
    const std::string line = log_file{access_log_format::combined}.line(example());
    {
        const file_size_limit limit{line.size() + 10};
        for (int i = 0; i < 3; ++i)
            file.log().put(example());
        file.log().flush();
        EXPECT_EQ(file.log().take_lost(), 2U); // the torn one is lost too
        file.log().put(example());
        file.log().flush(); // still full
        EXPECT_EQ(file.log().take_lost(), 1U);
    }
    file.log().put(example());
    file.log().flush();
    EXPECT_EQ(file.content(), line + line.substr(0, 10) + "\n" + line);
    EXPECT_EQ(file.log().take_lost(), 0U);
}

} // namespace
} // namespace postern::edge
