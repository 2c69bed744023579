// What a conf may say and hardly means.
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

/// Whether one of the doubts about a conf with these servers has `text` in it.
bool doubts(const std::string& servers, std::string_view text) {
    const auto conf = parse_settings("session_table t; store sqlite s.db; route_key {threadId};"
                                     "control { token_file token; }" +
                                         servers,
                                     "/p.conf");
    EXPECT_TRUE(conf) << (conf ? "" : conf.error().text());
    for (const std::string& doubt : doubts_about(*conf))
        if (doubt.find(text) != std::string::npos)
            return true;
    return false;
}

TEST(doubts, a_conf_without_servers) {
    EXPECT_TRUE(doubts("", "no server block"));
    EXPECT_FALSE(doubts("server { location / { return 404; } }", "no server block"));
}

TEST(doubts, links_whose_cookie_no_browser_would_keep) {
    const auto links = [](const std::string& listen) {
        return "server { " + listen + " location /{threadId}/ { session; access link; } }";
    };
    EXPECT_TRUE(doubts(links("listen 8080;"), "access link"));
    EXPECT_TRUE(doubts(links("listen 127.0.0.1:8080; listen [::]:8080;"), "access link"));
    EXPECT_FALSE(doubts(links("listen 127.0.0.1:8080; listen [::1]:8080;"), "access link"));
    EXPECT_FALSE(doubts(links("listen 8443 ssl; ssl_certificate c.pem k.pem;"), "access link"));
    EXPECT_FALSE(doubts("trusted_proxies 10.0.0.0/8;" + links("listen 8080;"), "access link"));
}

TEST(doubts, a_password_file_that_is_not_there) {
    const auto said = [](const std::string& words) {
        const auto conf = parse_settings("session_table t; route_key {threadId}; control { "
                                         "token_file token; } store dynamodb abc { feed redis "
                                         "rediss://x " +
                                             words + "; } server { location / { return 404; } }",
                                         "/p.conf");
        EXPECT_TRUE(conf) << (conf ? "" : conf.error().text());
        std::string all;
        for (const std::string& doubt : doubts_about(*conf))
            all += doubt;
        return all;
    };
    EXPECT_NE(said("password_file=/not/there")
                  .find("/p.conf:1: feed redis: it cannot be connected "
                        "to: there is no file /not/there"),
              std::string::npos)
        << said("password_file=/not/there");
    EXPECT_NE(said("ca=/not/there").find("no file /not/there"), std::string::npos);
    EXPECT_EQ(said("password_file=/etc/passwd ca=/etc/passwd"), "");
    EXPECT_EQ(said(""), "");
}

TEST(doubts, a_folder_of_files_that_is_not_there) {
    EXPECT_TRUE(doubts("server { location / { static /no/such/folder; } }", "/no/such/folder"));
    EXPECT_FALSE(doubts("server { location / { static /; } }", "no file can be served"));
    EXPECT_FALSE(doubts("server { location /{threadId}/ { static /no/{threadId}; } }",
                        "no file can be served"));
}

TEST(doubts, a_launcher_that_can_start_nothing) {
    const auto launcher = [](const std::string& lines) {
        return "lifecycle { launcher process { " + lines +
               " } } server { location / { return 404; } }";
    };
    EXPECT_TRUE(doubts(launcher("command /no/such/program {port}; directory /;"), "no program"));
    EXPECT_TRUE(doubts(launcher("command no-such-program-at-all {port}; directory /;"), "PATH"));
    EXPECT_TRUE(doubts(launcher("command sh {port}; directory /no/such;"), "directory"));
    EXPECT_FALSE(doubts(launcher("command sh {port}; directory /;"), "no session can start"));
}

} // namespace
} // namespace postern::edge
