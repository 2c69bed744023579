// Links to sessions, as the API makes and revokes them.
#include "base/access_token.hpp"
#include "session_api_fixture.hpp"

namespace postern::control::test {
namespace {

TEST_F(session_api_over_http, links_are_signed_and_revoked) {
    activate("t1");
    const sync::session before = store().get("acme-t1").value();
    ASSERT_TRUE(rang(sync_bell_));
    const reply made = post("/api/sessions/acme-t1/links", R"({"expiresIn":600})");
    EXPECT_EQ(made.status, 201) << made.body;
    const auto link = made.json();
    const std::string query = link["query"];
    EXPECT_EQ(link["url"], "http://acme.example.com/session/t1/?id=acme-t1&" + query);
    EXPECT_EQ(link["sessionId"], "acme-t1");
    const std::int64_t now_s = base::to_epoch_ms(time_.wall()) / 1000;
    const auto read = [&] {
        std::string rest;
        return base::read_access_token(
            opts_.access_keys,
            {.scope = "acme-t1", .generation = store().get("acme-t1")->access_generation},
            base::take_access_token(query, rest).value(), now_s);
    };
    EXPECT_EQ(read().fault, base::access_fault::none);
    EXPECT_NEAR(static_cast<double>(read().expires_s), static_cast<double>(now_s + 600), 5);
    EXPECT_EQ(store().get("acme-t1").value(), before) << "a link changes nothing";

    const reply revoked = send(listener_.port, {"DELETE", "/api/sessions/acme-t1/links"});
    EXPECT_EQ(revoked.status, 200) << revoked.body;
    EXPECT_EQ(revoked.body, "{\"sessionId\":\"acme-t1\"}\n");
    EXPECT_EQ(read().fault, base::access_fault::revoked);
    EXPECT_TRUE(rang(sync_bell_));
    EXPECT_EQ(store().get("acme-t1")->status, before.status);

    opts_.access_keys.clear();
    EXPECT_EQ(post("/api/sessions/acme-t1/links").error_code(), "links_off");
}

TEST_F(session_api_over_http, what_is_no_link_is_refused) {
    const struct {
        const char* what;
        call request;
        int status;
        const char* code;
        const char* in_message = "";
        const char* field = "";
    } rows[] = {
        {"lifetime as a text",
         {"POST", "/api/sessions/x/links", R"({"expiresIn":"60"})"},
         400,
         "wrong_type",
         "must be a whole number",
         "expiresIn"},
        {"lifetime in parts",
         {"POST", "/api/sessions/x/links", R"({"expiresIn":1.5})"},
         400,
         "wrong_type",
         "must be a whole number",
         "expiresIn"},
        {"lifetime below zero",
         {"POST", "/api/sessions/x/links", R"({"expiresIn":-1})"},
         422,
         "invalid_value",
         "1 to 2592000 seconds",
         "expiresIn"},
        {"lifetime too long",
         {"POST", "/api/sessions/x/links", R"({"expiresIn":2592001})"},
         422,
         "invalid_value",
         "1 to 2592000 seconds",
         "expiresIn"},
        {"links to nobody", {"POST", "/api/sessions/nobody/links"}, 404, "not_found"},
        {"nobody's links", {"DELETE", "/api/sessions/nobody/links"}, 404, "not_found"},
        {"links of fields",
         {"DELETE", "/api/sessions/nobody/links", R"({"all":"x"})"},
         400,
         "unknown_field",
         "no fields",
         "all"},
    };
    for (const auto& row : rows) {
        const reply r = send(listener_.port, row.request);
        EXPECT_EQ(r.status, row.status) << row.what << ": " << r.body;
        EXPECT_EQ(r.error_code(), row.code) << row.what;
        const auto error = r.json().value("error", nlohmann::json::object());
        EXPECT_NE(error.value("message", "").find(row.in_message), std::string::npos)
            << row.what << ": " << r.body;
        EXPECT_EQ(error.value("field", ""), row.field) << row.what;
    }
}

} // namespace
} // namespace postern::control::test
