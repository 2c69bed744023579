// A lifecycle over a real store with a meddler, a launcher that does as it is told, and a clock
// that stands still.
#pragma once

#include "control/lifecycle/lifecycle.hpp"
#include "meddling_store.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"
#include "test_support.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace postern::control::test {

/// Stands still; its wall can also be set.
class settable_clock final : public base::clock {
  public:
    base::wall_time wall() const noexcept override { return own_.wall() + set_by_; }
    base::steady_time steady() const noexcept override { return own_.steady(); }
    void advance(std::chrono::milliseconds by) { own_.advance(by); }
    void step(std::chrono::milliseconds by) { set_by_ += by; }

  private:
    base::manual_clock own_;
    std::chrono::milliseconds set_by_{};
};

/// Remembers what it was asked; the test moves its launches on.
class obedient_launcher final : public launcher {
  public:
    bool knows(std::string_view task) const override { return task.starts_with("fake:"); }
    void start(const sync::session& of) override {
        ++starts;
        ASSERT_EQ(views.count(of.session_id), 0U);
        launch_view& v = views[of.session_id];
        v.phase = launch_phase::starting;
        v.task = "fake:" + std::to_string(starts);
        v.target = base::ip_endpoint::parse("127.0.0.1:20000").value();
    }
    bool adopt(const sync::session& of) override {
        ++adoptions;
        if (!adopts)
            return false;
        views[of.session_id] = {launch_phase::ready, of.task, of.target};
        return true;
    }
    void stop(std::string_view id) override {
        views[std::string{id}].phase = launch_phase::stopping;
    }
    void check(std::string_view id) override { ++checks, views[std::string{id}].checking = true; }
    void forget(std::string_view id) override { views.erase(std::string{id}); }
    launch_view view(std::string_view id) const override {
        const auto at = views.find(std::string{id});
        return at == views.end() ? launch_view{} : at->second;
    }
    std::vector<std::string> sessions() const override {
        std::vector<std::string> ids;
        for (const auto& [id, v] : views)
            ids.push_back(id);
        return ids;
    }
    std::size_t running() const override { return views.size(); }
    void sweep() override { ++sweeps; }
    /// As a real one: only what has changed since it was last told.
    std::vector<std::string> wait(std::span<::pollfd>, std::chrono::milliseconds) override {
        std::vector<std::string> changed;
        for (const auto& [id, v] : views) {
            const std::string now = std::to_string(static_cast<int>(v.phase)) + v.task +
                                    (v.checking ? "?" : "") + std::to_string(v.good_at_ms);
            if (std::exchange(told[id], now) != now)
                changed.push_back(id);
        }
        return changed;
    }

    std::map<std::string, launch_view> views;
    std::map<std::string, std::string> told;
    int starts = 0, adoptions = 0, checks = 0, sweeps = 0;
    bool adopts = true;
};

class lifecycle_over_meddled_store : public ::testing::Test {
  protected:
    lifecycle_over_meddled_store() {
        rules_.has_launcher = true;
        rules_.idle_timeout = 300s;
        rules_.history = 24h;
        rules_.restarts_max = 2;
        rules_.restart_window = 60s;
        make();
    }
    void make() {
        life_ = std::make_unique<lifecycle>(
            rules_, lifecycle_parts{opener(), launcher_,
                                    [this](std::string_view) { return ++looks_, table_; }, bell_,
                                    own_bell_, numbers_, health_, time_, *log_});
    }
    sync::open_store opener() {
        return [this]() -> base::result<std::unique_ptr<sync::store>> {
            if (is_away_)
                return base::failure{sync::store_error::unavailable, "away"};
            return {std::make_unique<meddling_store>(
                sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s})
                    .value(),
                hook_)};
        };
    }
    void add(sync::session_status status, const std::string& task = "",
             const std::string& id = "t1") {
        sync::session s = session_named(id);
        s.status = status;
        s.task = task;
        s.last_activity_at_ms = base::to_epoch_ms(time_.wall());
        if (status == sync::session_status::active)
            s.target = base::ip_endpoint::parse("127.0.0.1:20000").value();
        ASSERT_TRUE(store_->insert(s));
    }
    sync::session record(const std::string& id = "t1") { return store_->get(id).value(); }
    void turn(std::chrono::milliseconds later = 250ms) {
        time_.advance(later);
        life_->turn({}, 0ms);
    }
    /// Once, from the next reading of the feed on; `has_gap` is false after it.
    void let_the_feed_have_a_gap(bool& has_gap) {
        hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
            if (call != "changes_after" || !std::exchange(has_gap, false))
                return std::nullopt;
            return sync::store_error::gap;
        };
    }

    temporary_folder folder_;
    settable_clock time_;
    lifecycle_rules rules_;
    obedient_launcher launcher_;
    std::optional<table_entry> table_;
    int looks_ = 0; // into the table
    base::doorbell bell_, own_bell_;
    metrics numbers_;
    store_health health_;
    base::log* log_ = &quiet_log();
    meddling_store::hook hook_;
    bool is_away_ = false;
    std::unique_ptr<sync::store> store_ =
        sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s}).value();
    std::unique_ptr<lifecycle> life_;
};

} // namespace postern::control::test
