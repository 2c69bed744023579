// The session API over a real socket and a real store, without a lifecycle behind it.
#include "session_api_fixture.hpp"

#include <thread>

namespace postern::control::test {
namespace {

TEST_F(session_api_over_http, activate_makes_one_session) {
    const reply made =
        activate("t1", R"(,"instruction":"Make it \u00fc blue","branch":"thread-t1")");
    EXPECT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(
        made.body,
        R"({"sessionId":"acme-t1","previewUrl":"http://acme.example.com/session/t1/?id=acme-t1","status":"initializing"})"
        "\n");
    EXPECT_TRUE(made.has_field("Location: /api/sessions/acme-t1/status"));
    EXPECT_TRUE(made.has_field("Content-Type: application/json"));
    EXPECT_TRUE(made.has_field("Cache-Control: no-store"));
    EXPECT_TRUE(rang(sync_bell_));
    EXPECT_TRUE(rang(life_bell_));
    const sync::session s = store().get("acme-t1").value();
    EXPECT_EQ(s.route_key, "acme-t1");
    EXPECT_EQ(s.user_id, "scott");
    EXPECT_EQ(s.instruction, "Make it \u00fc blue");
    EXPECT_EQ(s.branch, "thread-t1");
    EXPECT_EQ(s.status, sync::session_status::initializing);
    EXPECT_EQ(s.ttl_ms, s.created_at_ms + 24 * 3'600'000);

    const reply again = activate("t1", R"(,"instruction":"another")");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, made.body);
    EXPECT_EQ(store().get("acme-t1")->instruction, "Make it \u00fc blue")
        << "it runs with what it was started with";
    EXPECT_FALSE(rang(life_bell_)) << "nothing was written";
}

TEST_F(session_api_over_http, activate_starts_what_is_down_again) {
    activate("t1");
    using enum sync::session_status;
    for (const auto& [status, expected] :
         {std::pair{active, 200}, {draining, 202}, {inactive, 202}, {failed, 202}}) {
        set_status("acme-t1", status);
        const reply r = activate("t1", R"(,"instruction":"more")");
        EXPECT_EQ(r.status, expected) << name_of(status);
        EXPECT_EQ(r.json()["status"], status == active ? "active" : "initializing");
        if (expected == 202) {
            EXPECT_EQ(store().get("acme-t1")->instruction, "more");
            EXPECT_EQ(store().get("acme-t1")->reason, "");
            EXPECT_EQ(store().get("acme-t1")->target.port, 0);
        }
    }
}

TEST_F(session_api_over_http, fifty_activations_at_once_make_one_session) {
    std::atomic<int> made{0}, unchanged{0}, other{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 50; ++i)
        callers.emplace_back([&] {
            const int status = activate("t1").status;
            ++(status == 201 ? made : status == 200 ? unchanged : other);
        });
    for (std::thread& t : callers)
        t.join();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(unchanged, 49);
    EXPECT_EQ(other, 0);
    EXPECT_EQ(store().list({}, 10, "")->size(), 1U);
}

TEST_F(session_api_over_http, ids_of_its_own_and_of_others) {
    EXPECT_EQ(activate("t1", R"(,"sessionId":"7b1c")").json()["sessionId"], "7b1c");
    EXPECT_EQ(activate("t1").json()["sessionId"], "7b1c") << "found by its route key";
    EXPECT_EQ(activate("t1").status, 200);
    const reply second = activate("t1", R"(,"sessionId":"other")");
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(second.error_code(), "route_key_taken");
    const reply taken = activate("t2", R"(,"sessionId":"7b1c")");
    EXPECT_EQ(taken.status, 409);
    EXPECT_EQ(taken.error_code(), "session_taken");
    // Another user in the same thread.
    EXPECT_EQ(
        post("/api/sessions/activate", R"({"clientId":"acme","userId":"eve","threadId":"t1"})")
            .error_code(),
        "session_taken");
    // Names that could make the same key by another way.
    const reply ambiguous =
        post("/api/sessions/activate", R"({"clientId":"acme-a","userId":"scott","threadId":"b"})");
    EXPECT_EQ(ambiguous.status, 400);
    EXPECT_EQ(ambiguous.error_code(), "route_key_ambiguous");
    EXPECT_EQ(ambiguous.json()["error"]["field"], "clientId");

    opts_.route_key = text("{sessionId}");
    EXPECT_EQ(activate("t9").json()["sessionId"], "acme-scott-t9");
}

TEST_F(session_api_over_http, status_shows_the_session) {
    activate("t1", R"(,"branch":"b")");
    const nlohmann::json fresh = get("/api/sessions/acme-t1/status").json();
    EXPECT_EQ(fresh["status"], "initializing");
    EXPECT_TRUE(fresh["containerIp"].is_null());
    EXPECT_TRUE(fresh["containerPort"].is_null());
    EXPECT_EQ(fresh["branch"], "b");
    EXPECT_FALSE(fresh.contains("reason"));
    set_status("acme-t1", sync::session_status::active);
    table_ = table_entry{cache::route_state::active, {}};
    table_->activity.last_seen_ms = 4'102'444'800'123; // 2100: later than the store's
    const nlohmann::json active = get("/api/sessions/acme-t1/status").json();
    EXPECT_EQ(active["containerIp"], "127.0.0.1");
    EXPECT_EQ(active["containerPort"], 4321);
    EXPECT_EQ(active["lastActivity"], "2100-01-01T00:00:00.123Z");
    EXPECT_EQ(active["previewUrl"], "http://acme.example.com/session/t1/?id=acme-t1");
    set_status("acme-t1", sync::session_status::failed);
    EXPECT_EQ(get("/api/sessions/acme-t1/status").json()["reason"], "exited with status 1: boom");
}

TEST_F(session_api_over_http, ids_in_paths_are_decoded_once) {
    sync::session s = session_named("x");
    for (const char* id : {"acme#scott#t1", "a/b", "100%", "%2e", "\u00fc"}) {
        s.session_id = id, s.route_key = std::string{"k"} + id;
        ASSERT_TRUE(store().insert(s));
    }
    for (const auto& [path, id] : {std::pair{"acme%23scott%23t1", "acme#scott#t1"},
                                   {"a%2fb", "a/b"},
                                   {"100%25", "100%"},
                                   {"%252e", "%2e"},
                                   {"%C3%BC", "\u00fc"}})
        EXPECT_EQ(get(std::string{"/api/sessions/"} + path + "/status").json()["sessionId"], id);
    EXPECT_EQ(get("/api/sessions/acme%23scott%23t1/status").json()["previewUrl"],
              "http://acme.example.com/session/x/?id=acme%23scott%23t1");
}

TEST_F(session_api_over_http, a_bad_escape_in_a_path_is_told_apart) {
    const std::string broken = "two hexadecimal digits follow a %, and a % itself is written %25";
    const std::string control = "stands for a control byte; no id has one";
    for (const auto& [segment, escape, why] : {std::tuple{"%", "\"%\"", broken},
                                               {"%00", "escape %00,", control},
                                               {"%0a", "escape %0a,", control},
                                               {"%zz", "\"%zz\"", broken},
                                               {"%2", "\"%2\"", broken},
                                               {"a%zz", "\"%zz\"", broken},
                                               {"%4", "\"%4\"", broken},
                                               {"%g0b", "\"%g0\"", broken},
                                               {"a%00b", "escape %00,", control},
                                               {"a%0ab", "escape %0a,", control},
                                               {"%1F", "escape %1F,", control},
                                               {"%7f", "escape %7f,", control},
                                               {"%C3%BC%09", "escape %09,", control}}) {
        for (const auto& [method, before, behind] : {std::tuple{"GET", "/api/sessions/", "/status"},
                                                     {"POST", "/api/sessions/", "/keepalive"},
                                                     {"POST", "/api/sessions/", "/deactivate"},
                                                     {"GET", "/api/sessions/client/", ""},
                                                     {"POST", "/api/routes/", "/wake"},
                                                     {"GET", "/hermes/api/sessions/", "/status"},
                                                     {"GET", "/hermes/api/sessions/client/", ""}}) {
            const std::string path = std::string{before} + segment + behind;
            const reply r = send(listener_.port, {method, path});
            EXPECT_EQ(r.status, 400) << path;
            EXPECT_EQ(r.error_code(), "bad_path") << path;
            const std::string message = r.json()["error"]["message"];
            EXPECT_NE(message.find(escape), std::string::npos) << message;
            EXPECT_NE(message.find(why), std::string::npos) << message;
            EXPECT_NE(message.find(std::string{"\""} + segment + "\""), std::string::npos)
                << message;
        }
    }
    EXPECT_EQ(get("/api/sessions/a%20b/status").status, 404) << "20 and 80 are no control bytes";
    EXPECT_EQ(get("/api/sessions/a%80b/status").status, 404);
}

TEST_F(session_api_over_http, keepalive_moves_the_end) {
    activate("t1");
    const std::int64_t before = store().get("acme-t1")->last_activity_at_ms;
    ::usleep(2000);
    const reply kept = post("/api/sessions/acme-t1/keepalive");
    EXPECT_EQ(kept.status, 200);
    const sync::session s = store().get("acme-t1").value();
    EXPECT_GT(s.last_activity_at_ms, before);
    EXPECT_EQ(kept.json()["ttl"], s.ttl_ms / 1000);
    using enum sync::session_status;
    for (const auto status : {draining, inactive, failed}) {
        set_status("acme-t1", status);
        const reply refused = post("/api/sessions/acme-t1/keepalive");
        EXPECT_EQ(refused.status, 409);
        EXPECT_EQ(refused.error_code(), "not_running");
    }
    EXPECT_EQ(post("/api/sessions/nobody/keepalive").status, 404);
}

TEST_F(session_api_over_http, deactivate_drains) {
    activate("t1");
    using enum sync::session_status;
    for (const auto& [is, becomes] : {std::pair{initializing, "draining"},
                                      {active, "draining"},
                                      {failed, "draining"},
                                      {draining, "draining"},
                                      {inactive, "inactive"}}) {
        set_status("acme-t1", is);
        const reply ended = post("/api/sessions/acme-t1/deactivate", "{}");
        EXPECT_EQ(ended.status, 200);
        EXPECT_EQ(ended.body,
                  std::string{"{\"status\":\""} + becomes + "\",\"productionBuildId\":null}\n");
    }
    EXPECT_EQ(post("/api/sessions/nobody/deactivate").status, 404);
}

TEST_F(session_api_over_http, wake_starts_what_a_route_key_leads_to) {
    activate("t1", R"(,"sessionId":"7b1c")");
    using enum sync::session_status;
    for (const auto& [is, status] : {std::pair{initializing, 200},
                                     {active, 200},
                                     {draining, 200},
                                     {inactive, 202},
                                     {failed, 202}}) {
        set_status("7b1c", is);
        const reply woken = post("/api/routes/acme-t1/wake");
        EXPECT_EQ(woken.status, status) << name_of(is);
        EXPECT_EQ(woken.json()["sessionId"], "7b1c");
        EXPECT_EQ(woken.json()["status"], status == 202 ? "initializing" : name_of(is));
    }
    EXPECT_EQ(post("/api/routes/nobody-t1/wake").status, 404);
}

TEST_F(session_api_over_http, sessions_of_a_client) {
    activate("t1"), activate("t2");
    const nlohmann::json list = get("/api/sessions/client/acme").json();
    ASSERT_EQ(list.size(), 2U);
    for (const char* field :
         {"sessionId", "status", "userId", "threadId", "lastActivity", "previewUrl"})
        EXPECT_TRUE(list[0].contains(field)) << field;
    EXPECT_EQ(get("/api/sessions/client/nobody").body, "[]\n");
    EXPECT_EQ(get("/api/sessions/client/status").body, "[]\n")
        << "a client, and no session named client";
}

TEST_F(session_api_over_http, the_other_mount) {
    EXPECT_EQ(post("/hermes/api/sessions/activate", activation("t1")).status, 201);
    EXPECT_EQ(get("/hermes/api/sessions/acme-t1/status").status, 200);
    EXPECT_EQ(get("/hermes/api/sessions/client/acme").status, 200);
    EXPECT_EQ(post("/hermes/api/sessions/acme-t1/keepalive").status, 200);
    EXPECT_EQ(post("/hermes/api/sessions/acme-t1/deactivate").status, 200);
    EXPECT_EQ(post("/hermes/api/routes/acme-t1/wake").status, 404);
    EXPECT_EQ(get("/hermes/metrics").status, 404);
}

TEST_F(session_api_over_http, sessions_max) {
    opts_.has_launcher = true;
    opts_.sessions_max = 2;
    EXPECT_EQ(activate("t1").status, 201);
    EXPECT_EQ(activate("t2").status, 201);
    const reply full = activate("t3");
    EXPECT_EQ(full.status, 503);
    EXPECT_EQ(full.error_code(), "sessions_max");
    EXPECT_TRUE(full.has_field("Retry-After: 30"));
    EXPECT_EQ(activate("t2").status, 200) << "that one runs already";
    set_status("acme-t1", sync::session_status::inactive);
    EXPECT_EQ(activate("t3").status, 201);
    EXPECT_EQ(post("/api/routes/acme-t1/wake").error_code(), "sessions_max");
}

struct bad_request {
    const char* what;
    call request;
    int status;
    const char* code;
    const char* in_message = "";
    const char* field = "";
};

TEST_F(session_api_over_http, bad_requests_are_told_what_is_wrong) {
    const std::string path = "/api/sessions/activate";
    const auto body = [&](std::string b) { return call{"POST", path, std::move(b)}; };
    const std::string long_name(128, 'x');
    const bad_request rows[] = {
        {"no body", {"POST", path}, 400, "missing_field", "\"clientId\" is missing", "clientId"},
        {"no JSON", body("clientId=acme"), 400, "invalid_json", "byte 1"},
        {"cut short", body(R"({"clientId":"acme",)"), 400, "invalid_json", "byte"},
        {"two values", body("{} {}"), 400, "invalid_json"},
        {"comment", body("{/* */}"), 400, "invalid_json"},
        {"no UTF-8", body("{\"clientId\":\"\xff\"}"), 400, "invalid_json", "UTF-8"},
        {"overlong UTF-8", body("{\"clientId\":\"\xc0\xaf\"}"), 400, "invalid_json", "UTF-8"},
        {"lone surrogate", body(R"({"clientId":"\ud800"})"), 400, "invalid_json"},
        {"raw zero byte", body(std::string{"{\"clientId\":\"a\0b\"}", 18}), 400, "invalid_json"},
        {"array", body("[]"), 400, "not_an_object", "is an array"},
        {"string", body("\"x\""), 400, "not_an_object", "is a string"},
        {"number", body("7"), 400, "not_an_object"},
        {"null", body("null"), 400, "not_an_object"},
        {"deep arrays", body(std::string(9000, '[')), 400, "not_an_object"},
        {"deep in a field", body("{\"clientId\":" + std::string(9000, '[')), 400, "wrong_type",
         "must be a string", "clientId"},
        {"number for a name", body(activation("t", R"(,"branch":7)")), 400, "wrong_type",
         "is a number", "branch"},
        {"float", body(activation("t", R"(,"branch":7.5e3)")), 400, "wrong_type", "", "branch"},
        {"null for a name", body(R"({"clientId":null})"), 400, "wrong_type", "is null", "clientId"},
        {"boolean", body(R"({"clientId":true})"), 400, "wrong_type", "", "clientId"},
        {"object", body(R"({"clientId":{}})"), 400, "wrong_type", "is an object", "clientId"},
        {"unknown field", body(activation("t", R"(,"threadID":"x")")), 400, "unknown_field",
         "known are: clientId, userId", "threadID"},
        {"twice", body(R"({"clientId":"a","clientId":"b"})"), 400, "duplicate_field", "twice",
         "clientId"},
        {"missing userId", body(R"({"clientId":"a","threadId":"t"})"), 400, "missing_field",
         "\"userId\"", "userId"},
        {"empty name", body(activation("")), 422, "invalid_value", "1 to 127", "threadId"},
        {"long name", body(activation(long_name)), 422, "invalid_value", "xxx...", "threadId"},
        {"slash", body(activation("a/b")), 422, "invalid_value", "a/b", "threadId"},
        {"dots", body(activation("..")), 422, "invalid_value", "", "threadId"},
        {"dash first", body(activation("-rf")), 422, "invalid_value", "", "threadId"},
        {"hash", body(activation("a#b")), 422, "invalid_value", "", "threadId"},
        {"space", body(activation("a b")), 422, "invalid_value", "", "threadId"},
        {"letters beyond ASCII", body(activation("\u00fc")), 422, "invalid_value", "", "threadId"},
        {"escaped zero byte", body(activation(R"(a\u0000b)")), 422, "invalid_value", "",
         "threadId"},
        {"zero byte in the instruction", body(activation("t", R"(,"instruction":"\u0000")")), 422,
         "invalid_value", "", "instruction"},
        {"long instruction",
         body(activation("t", ",\"instruction\":\"" + std::string(16'385, 'x') + "\"")), 422,
         "invalid_value", "", "instruction"},
        {"branch with dots", body(activation("t", R"(,"branch":"a..b")")), 422, "invalid_value", "",
         "branch"},
        {"branch as option", body(activation("t", R"(,"branch":"--upload-pack=x")")), 422,
         "invalid_value", "", "branch"},
        {"reserved id", body(activation("t", R"(,"sessionId":"client")")), 422, "invalid_value",
         "neither activate nor client", "sessionId"},
        {"form",
         {"POST", path, activation("t"), "application/x-www-form-urlencoded"},
         415,
         "unsupported_media_type",
         "application/json"},
        {"text", {"POST", path, activation("t"), "text/plain"}, 415, "unsupported_media_type"},
        {"no type", {"POST", path, activation("t"), ""}, 415, "unsupported_media_type"},
        {"too large",
         body(activation("t", ",\"instruction\":\"" + std::string(20'000, 'x') + "\"")), 413,
         "body_too_large", "20000"},
        {"field where none belongs",
         {"POST", "/api/sessions/x/keepalive", R"({"ttl":"1"})"},
         400,
         "unknown_field",
         "no fields",
         "ttl"},
        {"unknown session", {"GET", "/api/sessions/nobody/status"}, 404, "not_found", "nobody"},
        {"unknown path", {"GET", "/api/session"}, 404, "not_found", "/api/session"},
        {"path goes on", {"GET", "/api/sessions/a/b/status"}, 404, "not_found"},
        {"empty id", {"GET", "/api/sessions//status"}, 404, "not_found"},
        {"wrong method", {"GET", path}, 405, "method_not_allowed", "use POST"},
        {"wrong method",
         {"DELETE", "/api/sessions/x/status"},
         405,
         "method_not_allowed",
         "use GET, HEAD"},
        {"wrong method",
         {"GET", "/api/sessions/x/links"},
         405,
         "method_not_allowed",
         "use POST, DELETE"},
        {"a number for a name",
         {"POST", path, R"({"clientId":1,"userId":"u","threadId":"t"})"},
         400,
         "wrong_type",
         "must be a string",
         "clientId"},
        {"unheard-of method", {"BREW", "/healthz"}, 405, "method_not_allowed"},
        {"no token",
         {"POST", path, activation("t"), "application/json", ""},
         401,
         "unauthorized",
         "Authorization: Bearer"},
        {"wrong token",
         {"POST", path, activation("t"), "application/json", "Bearer wrong"},
         401,
         "unauthorized",
         "not this server's"},
        {"longer token",
         {"GET", "/metrics", "", "", std::string{"Bearer "} + test_token + "x"},
         401,
         "unauthorized"},
        {"shorter token",
         {"GET", "/metrics", "", "", "Bearer the-token-of-the-test"},
         401,
         "unauthorized"},
        {"no scheme", {"GET", "/metrics", "", "", test_token}, 401, "unauthorized"},
        {"other scheme",
         {"GET", "/metrics", "", "", std::string{"Basic "} + test_token},
         401,
         "unauthorized"},
        {"unknown path without token", {"GET", "/x", "", "", ""}, 401, "unauthorized"},
    };
    for (const bad_request& row : rows) {
        const reply r = send(listener_.port, row.request);
        EXPECT_EQ(r.status, row.status) << row.what << ": " << r.body;
        EXPECT_EQ(r.error_code(), row.code) << row.what;
        EXPECT_TRUE(r.has_field("Content-Type: application/json")) << row.what;
        const auto error = r.json().value("error", nlohmann::json::object());
        EXPECT_NE(error.value("message", "").find(row.in_message), std::string::npos)
            << row.what << ": " << r.body;
        EXPECT_EQ(error.value("field", ""), row.field) << row.what;
        if (row.status == 401) {
            EXPECT_TRUE(r.has_field("WWW-Authenticate: Bearer realm=\"postern\"")) << r.head;
        }
        if (row.status == 405) {
            EXPECT_NE(r.head.find("\r\nAllow: "), std::string::npos) << row.what;
        }
    }
    EXPECT_TRUE(store().list({}, 10, "")->empty()) << "none of them has made a session";
}

TEST_F(session_api_over_http, bodies_beyond_the_bound) {
    const std::string head = "POST /api/sessions/activate HTTP/1.1\r\nHost: x\r\nConnection: "
                             "close\r\nContent-Type: application/json\r\n"
                             "Authorization: Bearer " +
                             std::string{test_token} + "\r\n";
    // Announced and never sent: the answer does not wait for it.
    EXPECT_EQ(
        send_raw(listener_.port, head + "Expect: 100-continue\r\nContent-Length: 20001\r\n\r\n")
            .status,
        413);
    EXPECT_EQ(send_raw(listener_.port, head + "Content-Length: 99999999999\r\n\r\n").status, 413);
    // In chunks nobody knows beforehand.
    std::string chunks;
    for (int i = 0; i < 30; ++i)
        chunks += "400\r\n" + std::string(0x400, ' ') + "\r\n";
    const reply late = send_raw(listener_.port,
                                head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
    EXPECT_EQ(late.status, 413);
    EXPECT_EQ(late.error_code(), "body_too_large");
    EXPECT_EQ(get("/healthz").status, 200);
}

/// Each row fails every check from its own on: the answer shows which one came first.
TEST_F(session_api_over_http, a_promised_body_is_not_waited_for_when_the_head_is_enough) {
    const std::string token = "Authorization: Bearer " + std::string{test_token} + "\r\n";
    const std::string body = "Content-Length: 99999999999\r\n";
    struct row {
        std::string line, fields;
        int status;
    };
    for (const row& r : {row{"PUT /nowhere/%00", body, 401},
                         {"PUT /api/sessions/%00/status", body, 401},
                         {"PUT /nowhere/%00", token + body, 404},
                         {"GET /api/sessions/%00/keepalive", token + body, 405},
                         {"POST /api/sessions/%00/keepalive", token + body, 413},
                         {"POST /api/sessions/%00/keepalive", token + "Content-Length: 9\r\n", 400},
                         {"POST /api/sessions/x/keepalive", token + "Content-Length: 9\r\n", 415},
                         {"GET /healthz", "Content-Length: 9\r\n", 200},
                         {"POST /healthz", body, 405}}) {
        const reply got =
            send_raw(listener_.port, r.line + " HTTP/1.1\r\nHost: x\r\n" + r.fields + "\r\n");
        EXPECT_EQ(got.status, r.status) << r.line << got.body;
        EXPECT_TRUE(got.was_closed) << r.line;
    }
}

TEST_F(session_api_over_http, health_readiness_metrics) {
    const reply health = send(listener_.port, {"GET", "/healthz", "", "", ""});
    EXPECT_EQ(health.status, 200);
    EXPECT_EQ(health.json()["status"], "ok");
    const reply ready = send(listener_.port, {"GET", "/readyz", "", "", ""});
    EXPECT_EQ(ready.status, 503);
    EXPECT_TRUE(ready.has_field("Retry-After: 1"));
    EXPECT_EQ(ready.json()["checks"]["store"]["ok"], true);
    EXPECT_EQ(ready.json()["checks"]["sync"]["ok"], false);
    EXPECT_EQ(ready.json()["checks"]["lifecycle"]["why"], "it has not run yet");
    EXPECT_TRUE(eventually([&] { return numbers_.connections == 0; }));
    numbers_.count_launch_ms(700);
    const reply metrics = get("/metrics");
    EXPECT_EQ(metrics.status, 200);
    EXPECT_TRUE(metrics.has_field("Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    for (const char* line :
         {"\npostern_launch_seconds_bucket{le=\"0.5\"} 0\n",
          "\npostern_launch_seconds_bucket{le=\"1\"} 1\n",
          "\npostern_launch_seconds_bucket{le=\"+Inf\"} 1\n", "\npostern_launch_seconds_sum 0.7\n",
          "\npostern_sessions{status=\"active\"} 0\n", "\npostern_control_connections 1\n",
          "\npostern_control_connections_refused_total 0\n",
          "\npostern_control_connections_max 1024\n",
          "\npostern_control_answers_total{code=\"2xx\"} 1\n",
          "\npostern_control_answers_total{code=\"5xx\"} 1\n", "\nprocess_start_time_seconds "})
        EXPECT_NE(metrics.body.find(line), std::string::npos) << line << metrics.body;
    const reply head = send(listener_.port, {"HEAD", "/healthz"});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
}

TEST_F(session_api_over_http, an_away_store_is_said_and_comes_back) {
    is_store_away_ = true;
    for (const reply& r : {activate("t1"), get("/api/sessions/x/status"),
                           post("/api/sessions/x/keepalive"), post("/api/sessions/x/deactivate"),
                           post("/api/routes/x/wake"), get("/api/sessions/client/x")}) {
        EXPECT_EQ(r.status, 503);
        EXPECT_EQ(r.error_code(), "store_unavailable");
        EXPECT_TRUE(r.has_field("Retry-After: 2"));
    }
    const json store = get("/readyz").json()["checks"]["store"];
    EXPECT_EQ(store["ok"], false);
    EXPECT_EQ(store["why"], "away: the store is unavailable");
    EXPECT_EQ(get("/healthz").status, 200);
    is_store_away_ = false;
    EXPECT_EQ(activate("t1").status, 201);
}

TEST_F(session_api_over_http,
       what_a_store_that_is_yet_to_be_loaded_waits_for_hides_behind_nothing) {
    is_store_loading_ = is_store_away_ = true; // someone had it locked, when it was asked first
    EXPECT_EQ(get("/readyz").json()["checks"]["store"]["why"], "away: the store is unavailable");
    is_store_away_ = false;
    EXPECT_EQ(
        get("/readyz").json()["checks"]["store"]["why"].get<std::string>().rfind("being read", 0),
        0U);
    is_store_loading_ = false;
    EXPECT_EQ(get("/readyz").json()["checks"]["store"]["ok"], true);
}

TEST_F(session_api_over_http, the_listener_outlives_the_server) {
    ASSERT_EQ(get("/healthz").status, 200);
    server_.reset();
    // As in a restart: connections made meanwhile wait in the backlog for the next server.
    const base::unique_fd early = connect_to(listener_.port);
    ASSERT_TRUE(early);
    http_server_options one_thread;
    one_thread.threads = 1;
    server_ = http_server::start(listener_.fd.get(), one_thread, service(), numbers_, quiet_log())
                  .value();
    const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    ASSERT_EQ(::send(early.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    char start[12] = {};
    ASSERT_EQ(::recv(early.get(), start, sizeof start, MSG_WAITALL),
              static_cast<ssize_t>(sizeof start));
    EXPECT_EQ(std::string(start, sizeof start), "HTTP/1.1 200");
}

} // namespace
} // namespace postern::control::test
