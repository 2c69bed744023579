// A store in memory whose clock, faults and feed are the test's. What sqlite does in tables, it
// does in maps.
#pragma once

#include "sync/store/store.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace postern::sync {

class scripted_store : public store {
  public:
    // What a test may look at and turn.
    std::map<std::string, stored_session> records;
    std::vector<change> log; // `current` is filled in when it is read
    std::uint64_t seq = 0;
    int writes_refused = 0; // the next so many are refused as locked

    void set(stored_session one) {
        const auto old = records.find(one.record.session_id);
        std::string former;
        if (old != records.end() && old->second.record.route_key != one.record.route_key)
            former = old->second.record.route_key;
        one.record.version = ++seq;
        log.push_back({one.record.session_id, former, std::nullopt, seq});
        records[one.record.session_id] = std::move(one);
    }
    void erase(const std::string& id) {
        const auto old = records.find(id);
        if (old == records.end())
            return;
        log.push_back({id, old->second.record.route_key, std::nullopt, ++seq});
        records.erase(old);
    }
    /// Changes first..last of the log, as a feed would show them now.
    [[nodiscard]] std::vector<change> batch(std::size_t first, std::size_t last) const {
        std::vector<change> changes{log.begin() + static_cast<std::ptrdiff_t>(first),
                                    log.begin() + static_cast<std::ptrdiff_t>(last)};
        for (change& one : changes)
            if (const auto found = records.find(one.session_id); found != records.end())
                one.current = found->second;
        return changes;
    }

    base::result<session> get(std::string_view id) override {
        const auto found = records.find(std::string{id});
        if (found == records.end())
            return base::failure{store_error::not_found, {}};
        return found->second.record;
    }
    base::result<std::vector<session>> list_by_route_key(std::string_view key) override {
        return usable([&](const session& one) { return one.route_key == key; });
    }
    base::result<std::vector<session>> list_by_client(std::string_view client) override {
        return usable([&](const session& one) { return one.client_id == client; });
    }
    base::result<std::vector<session>> list(const std::vector<session_status>&, std::size_t,
                                            std::string_view) override {
        return usable([](const session&) { return true; });
    }
    base::result<std::vector<session_stamp>> list_stamps(const std::vector<session_status>&,
                                                         std::size_t, std::string_view) override {
        return base::failure{store_error::invalid, "nobody asks for these here"};
    }
    base::result<session> insert(const session& record) override {
        set({record, {}});
        return get(record.session_id);
    }
    base::result<session> replace(const session& record) override { return insert(record); }
    base::result<void> remove(std::string_view id, std::uint64_t) override {
        erase(std::string{id});
        return {};
    }
    base::result<void> add_activity(const std::vector<activity_update>&) override { return {}; }
    base::result<std::string> identity() override { return std::string{"scripted"}; }
    base::result<std::string> feed_position() override { return std::to_string(seq); }
    std::uint64_t version_at(std::string_view position) const override {
        return std::stoull(std::string{position});
    }
    base::result<feed_batch> changes_after(std::string_view, std::size_t) override {
        return base::failure{store_error::gap, {}};
    }
    bool may_have_changed() override { return true; }
    base::result<snapshot_page> read_snapshot(std::string_view from,
                                              std::size_t count_max) override {
        snapshot_page page;
        for (auto at = records.upper_bound(std::string{from}); at != records.end(); ++at) {
            if (page.records.size() == count_max)
                return page;
            page.records.push_back(at->second);
            page.next = at->first;
        }
        page.next.clear();
        return page;
    }
    base::result<std::vector<stored_session>> list_expired(std::int64_t after_ms, std::string_view,
                                                           std::int64_t until_ms,
                                                           std::size_t) override {
        std::vector<stored_session> found;
        for (const auto& [id, one] : records)
            if (one.record.ttl_ms > after_ms && one.record.ttl_ms <= until_ms)
                found.push_back(one);
        return found;
    }
    base::result<void> set_route_key(std::string_view id, std::string_view key,
                                     std::uint64_t version) override {
        if (writes_refused > 0) {
            --writes_refused;
            return base::failure{store_error::unavailable, {}};
        }
        const auto found = records.find(std::string{id});
        if (found == records.end() || found->second.record.version != version)
            return base::failure{store_error::conflict, {}};
        stored_session changed = found->second;
        changed.record.route_key = key;
        set(std::move(changed));
        return {};
    }
    base::result<std::string> route_key_template() override { return std::string{}; }
    base::result<void> note_route_key_template(std::string_view) override { return {}; }
    base::result<void> try_write() override { return {}; }
    void set_patience(std::chrono::milliseconds) override {}

  private:
    template <class Predicate>
    std::vector<session> usable(Predicate&& is_meant) const {
        std::vector<session> found;
        for (const auto& [id, one] : records)
            if (one.defect.empty() && is_meant(one.record))
                found.push_back(one.record);
        return found;
    }
};

} // namespace postern::sync
