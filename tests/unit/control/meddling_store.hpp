// A store with somebody who meddles: before each call a hook may change the records, or make the
// call fail.
#pragma once

#include "sync/store/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::control::test {

class meddling_store final : public sync::store {
  public:
    using hook = std::function<std::optional<sync::store_error>(std::string_view call)>;
    meddling_store(std::unique_ptr<sync::store> real, const hook& before)
        : real_{std::move(real)}, before_{&before} {}

    base::result<sync::session> get(std::string_view id) override {
        return called<sync::session>("get", [&] { return real_->get(id); });
    }
    base::result<std::vector<sync::session>> list_by_route_key(std::string_view key) override {
        return called<std::vector<sync::session>>("list_by_route_key",
                                                  [&] { return real_->list_by_route_key(key); });
    }
    base::result<std::vector<sync::session>> list_by_client(std::string_view client) override {
        return real_->list_by_client(client);
    }
    base::result<std::vector<sync::session>> list(const std::vector<sync::session_status>& states,
                                                  std::size_t count_max,
                                                  std::string_view after) override {
        return called<std::vector<sync::session>>(
            "list", [&] { return real_->list(states, count_max, after); });
    }
    base::result<std::vector<sync::session_stamp>>
    list_stamps(const std::vector<sync::session_status>& states, std::size_t count_max,
                std::string_view after) override {
        return called<std::vector<sync::session_stamp>>(
            "list_stamps", [&] { return real_->list_stamps(states, count_max, after); });
    }
    base::result<sync::session> insert(const sync::session& s) override {
        return called<sync::session>("insert", [&] { return real_->insert(s); });
    }
    base::result<sync::session> replace(const sync::session& s) override {
        return called<sync::session>("replace", [&] { return real_->replace(s); });
    }
    base::result<void> remove(std::string_view id, std::uint64_t version) override {
        return called<void>("remove", [&] { return real_->remove(id, version); });
    }
    base::result<void> add_activity(const std::vector<sync::activity_update>& updates) override {
        return real_->add_activity(updates);
    }
    base::result<std::string> identity() override { return real_->identity(); }
    base::result<std::string> feed_position() override { return real_->feed_position(); }
    std::uint64_t version_at(std::string_view position) const override {
        return real_->version_at(position);
    }
    base::result<sync::feed_batch> changes_after(std::string_view checkpoint,
                                                 std::size_t count_max) override {
        return called<sync::feed_batch>(
            "changes_after", [&] { return real_->changes_after(checkpoint, count_max); });
    }
    bool may_have_changed() override { return real_->may_have_changed(); }
    base::result<sync::snapshot_page> read_snapshot(std::string_view from,
                                                    std::size_t count_max) override {
        return real_->read_snapshot(from, count_max);
    }
    base::result<std::vector<sync::stored_session>> list_expired(std::int64_t after_ms,
                                                                 std::string_view after_id,
                                                                 std::int64_t until_ms,
                                                                 std::size_t count_max) override {
        return real_->list_expired(after_ms, after_id, until_ms, count_max);
    }
    base::result<void> set_route_key(std::string_view id, std::string_view key,
                                     std::uint64_t version) override {
        return real_->set_route_key(id, key, version);
    }
    base::result<std::string> route_key_template() override { return real_->route_key_template(); }
    base::result<void> note_route_key_template(std::string_view text) override {
        return real_->note_route_key_template(text);
    }
    base::result<void> try_write() override {
        return called<void>("try_write", [&] { return real_->try_write(); });
    }
    void set_patience(std::chrono::milliseconds longest) override { real_->set_patience(longest); }

  private:
    template <class T, class Call>
    base::result<T> called(std::string_view name, Call&& call) {
        if (*before_)
            if (const auto failed = (*before_)(name))
                return base::failure{*failed, std::string{name}};
        return call();
    }
    std::unique_ptr<sync::store> real_;
    const hook* before_;
};

} // namespace postern::control::test
