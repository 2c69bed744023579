// The session API over a real socket and a real store, without a lifecycle behind it.
#pragma once

#include "control/api/session_api.hpp"
#include "control/http_server.hpp"
#include "http_client.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>

namespace postern::control::test {

class session_api_over_http : public ::testing::Test {
  protected:
    session_api_over_http() {
        opts_.token = test_token;
        opts_.access_keys = {"a key for links"};
        opts_.route_key = text("{clientId}-{threadId}");
        opts_.preview_url =
            text("http://{clientId}.example.com/session/{threadId}/?id={sessionId}");
        opts_.body_bytes_max = 20'000;
        opts_.history = 24h;
        serve();
    }
    void serve() {
        server_.reset();
        listener_ = listen_on(0);
        stores_ = std::make_unique<store_pool>(
            [this]() -> base::result<std::unique_ptr<sync::store>> {
                if (is_store_away_)
                    return base::failure{sync::store_error::unavailable, "away"};
                if (is_store_loading_)
                    return base::failure{sync::store_error::loading, "being read"};
                return sync::open_sqlite_store(
                    {.path = folder_.path() + "/db", .busy_timeout = 30s});
            },
            health_);
        actions_ =
            std::make_unique<sessions>(opts_, *stores_, sync_bell_, life_bell_, time_, quiet_log());
        api_ = std::make_unique<session_api>(
            session_api_parts{opts_, *actions_, [this](std::string_view) { return table_; },
                              nullptr, numbers_, time_, quiet_log()});
        http_server_options o;
        o.body_bytes_max = opts_.body_bytes_max;
        o.token_within = o.idle_within = o.body_within = 60s; // nothing is closed by them
        server_ =
            http_server::start(listener_.fd.get(), o, service(), numbers_, quiet_log()).value();
    }
    http_service service() {
        return {[this](const http_request& r) { return api_->judge(r); },
                [this](const http_request& r) { return api_->answer(r); }};
    }
    reply get(const std::string& path) { return send(listener_.port, {"GET", path}); }
    reply post(const std::string& path, const std::string& body = "") {
        return send(listener_.port, {"POST", path, body});
    }
    reply activate(const std::string& thread, const std::string& more = "") {
        return post("/api/sessions/activate", activation(thread, more));
    }
    sync::store& store() {
        if (!own_store_)
            own_store_ =
                sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s})
                    .value();
        return *own_store_;
    }
    void set_status(const std::string& id, sync::session_status status) {
        sync::session s = store().get(id).value();
        s.status = status;
        if (status == sync::session_status::active)
            s.target = base::ip_endpoint::parse("127.0.0.1:4321").value();
        if (status == sync::session_status::failed)
            s.reason = "exited with status 1: boom";
        ASSERT_TRUE(store().replace(s));
    }

    temporary_folder folder_;
    options opts_;
    base::system_clock time_;
    base::doorbell sync_bell_ = base::doorbell::make().value();
    base::doorbell life_bell_ = base::doorbell::make().value();
    metrics numbers_;
    store_health health_;
    std::optional<table_entry> table_;
    std::atomic<bool> is_store_away_{false}, is_store_loading_{false};
    listening_socket listener_;
    std::unique_ptr<store_pool> stores_;
    std::unique_ptr<sessions> actions_;
    std::unique_ptr<session_api> api_;
    std::unique_ptr<http_server> server_;
    std::unique_ptr<sync::store> own_store_;
};

inline bool rang(const base::doorbell& bell) {
    std::uint64_t rings = 0;
    return ::read(bell.fd(), &rings, sizeof rings) == sizeof rings;
}

} // namespace postern::control::test
