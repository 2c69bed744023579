#include "sync/dynamodb/dynamodb_store.hpp"

#include "sync/dynamodb/replica_view.hpp"
#include "sync/dynamodb/shared_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::dynamodb {
namespace {

using base::failure;
using base::result;

// The command line reads lists into memory.
constexpr std::size_t listed_max = 1'000'000;
// Sessions of one route key that are looked up in the table, the others are as the replica has
// them.
constexpr std::size_t confirmed_max = 16;

class dynamodb_store final : public store {
  public:
    dynamodb_store(std::shared_ptr<shared_table> table, aws::client& calls)
        : table_{std::move(table)}, items_{calls, table_->options(), table_->time(),
                                           table_->units()},
          here_{replica_options_of(table_->options(), calls), table_->time()} {}

    result<session> get(std::string_view session_id) override;
    result<std::vector<session>> list_by_route_key(std::string_view route_key) override;
    result<std::vector<session>> list_by_client(std::string_view client_id) override;
    result<std::vector<session>> list(const std::vector<session_status>& states,
                                      std::size_t count_max, std::string_view after_id) override;
    result<std::vector<session_stamp>> list_stamps(const std::vector<session_status>& states,
                                                   std::size_t count_max,
                                                   std::string_view after_id) override {
        return here_.with([&](store& s) { return s.list_stamps(states, count_max, after_id); });
    }
    result<session> insert(const session& record) override {
        const auto since = here_.mark();
        return kept(items_.insert(record), since);
    }
    result<session> replace(const session& record) override {
        const auto since = here_.mark();
        return kept(items_.replace(record), since);
    }
    result<void> remove(std::string_view session_id, std::uint64_t version) override;
    result<void> add_activity(const std::vector<activity_update>& updates) override;
    result<void> try_write() override { return items_.try_write(); }
    std::int64_t clock_ahead_ms() const override { return table_->clock_ahead_ms(); }

    result<std::string> identity() override {
        return here_.with([](store& s) { return s.identity(); });
    }
    result<std::string> lags_because() override {
        return here_.with([](store& s) { return s.lags_because(); });
    }
    result<std::string> feed_position() override {
        return here_.with([](store& s) { return s.feed_position(); });
    }
    std::uint64_t version_at(std::string_view position) const override {
        return here_.opened() != nullptr ? here_.opened()->version_at(position) : 0;
    }
    result<feed_batch> changes_after(std::string_view checkpoint, std::size_t count_max) override;
    /// True also while there is no replica: asking it then says why.
    bool may_have_changed() override {
        const auto changed =
            here_.with([](store& s) { return result<bool>{s.may_have_changed()}; });
        return !changed || *changed;
    }
    result<snapshot_page> read_snapshot(std::string_view from, std::size_t count_max) override {
        return here_.with([&](store& s) { return s.read_snapshot(from, count_max); });
    }
    result<std::vector<stored_session>> list_expired(std::int64_t after_ms,
                                                     std::string_view after_id,
                                                     std::int64_t until_ms,
                                                     std::size_t count_max) override {
        return here_.with(
            [&](store& s) { return s.list_expired(after_ms, after_id, until_ms, count_max); });
    }
    result<void> set_route_key(std::string_view, std::string_view, std::uint64_t) override {
        return failure{store_error::invalid, "route keys are made from items, and not kept there"};
    }
    result<std::string> route_key_template() override {
        return here_.with([](store& s) { return s.route_key_template(); });
    }
    result<void> note_route_key_template(std::string_view) override {
        return failure{store_error::invalid, "route keys are made from items, and not kept there"};
    }
    void set_patience(std::chrono::milliseconds) override {} // calls have a bound of their own

  private:
    [[nodiscard]] result<session> kept(result<session_item> written,
                                       std::optional<std::uint64_t> since) {
        if (!written)
            return written.error();
        here_.wrote(*written, since);
        return std::move(written->row.read.record);
    }
    /// A list of the replica's records.
    template <class Read>
    [[nodiscard]] result<std::vector<session>> listed(Read read) {
        return here_.with([&](store& s) -> result<std::vector<session>> {
            auto found = read(s);
            if (found)
                if (auto set = here_.set_tokens(*found); !set)
                    return set.error();
            return found;
        });
    }
    [[nodiscard]] bool asks_replica() const { return table_->lists_from() == lists::of_replica; }
    [[nodiscard]] result<void> read_table();
    [[nodiscard]] result<std::vector<session>> list_table(const std::vector<session_status>& states,
                                                          std::size_t count_max,
                                                          std::string_view after_id);
    template <class Wanted>
    [[nodiscard]] result<std::vector<session>> of_table(Wanted wanted);

    std::shared_ptr<shared_table> table_;
    session_items items_;
    replica_view here_;
    std::vector<session> read_; // lists::of_table: all usable ones, by id
    bool has_read_ = false;
};

result<session> dynamodb_store::get(std::string_view session_id) {
    auto found = items_.read(session_id);
    if (!found)
        return found.error();
    if (!*found)
        return items_.refusal(store_error::not_found, session_id);
    stored_session& read = (*found)->row.read;
    if (!read.defect.empty())
        return items_.refusal(store_error::invalid, session_id, ": " + read.defect);
    return std::move(read.record);
}

/// The replica nominates, the table decides: a link that is handed out, or a session that is woken,
/// must not come from what was true a second ago. A key that has the id in it needs no replica.
result<std::vector<session>> dynamodb_store::list_by_route_key(std::string_view route_key) {
    std::vector<std::string> ids;
    if (auto id = session_id_in(route_key, table_->options().route_key)) {
        ids.push_back(std::move(*id));
    } else if (!asks_replica()) {
        return of_table([&](const session& s) { return s.route_key == route_key; });
    } else {
        auto nominated = here_.with([&](store& s) { return s.list_by_route_key(route_key); });
        if (!nominated)
            return nominated.error();
        for (session& one : *nominated)
            if (ids.size() < confirmed_max)
                ids.push_back(std::move(one.session_id));
    }
    std::vector<session> found;
    for (const std::string& id : ids) {
        auto now = get(id);
        if (now && now->route_key == route_key)
            found.push_back(std::move(*now));
        else if (!now && now.error().code != store_error::not_found &&
                 now.error().code != store_error::invalid)
            return now.error();
    }
    return found;
}

result<std::vector<session>> dynamodb_store::list_by_client(std::string_view client_id) {
    if (!asks_replica())
        return of_table([&](const session& s) { return s.client_id == client_id; });
    return listed([&](store& s) { return s.list_by_client(client_id); });
}

result<std::vector<session>> dynamodb_store::list(const std::vector<session_status>& states,
                                                  std::size_t count_max,
                                                  std::string_view after_id) {
    if (!asks_replica())
        return list_table(states, count_max, after_id);
    return listed([&](store& s) { return s.list(states, count_max, after_id); });
}

result<void> dynamodb_store::remove(std::string_view session_id, std::uint64_t version) {
    const auto since = here_.mark();
    const auto gone = items_.remove(session_id, version);
    if (!gone)
        return gone.error();
    here_.removed(*gone, since);
    return {};
}

result<void> dynamodb_store::add_activity(const std::vector<activity_update>& updates) {
    for (const activity_update& one : updates)
        if (const auto added = items_.add_activity(one, {}); !added)
            return added.error();
    return {};
}

result<feed_batch> dynamodb_store::changes_after(std::string_view checkpoint,
                                                 std::size_t count_max) {
    return here_.with([&](store& s) -> result<feed_batch> {
        auto batch = s.changes_after(checkpoint, count_max);
        if (!batch)
            return batch;
        for (change& one : batch->changes)
            if (one.current)
                if (auto set = here_.set_token(one.current->record); !set)
                    return set.error();
        return batch;
    });
}

result<void> dynamodb_store::read_table() {
    read_.clear();
    bool is_too_long = false;
    auto done = items_.scan([&](session_item&& item) {
        if (item.row.read.defect.empty())
            read_.push_back(std::move(item.row.read.record));
        is_too_long = read_.size() > listed_max;
        return !is_too_long;
    });
    if (!done)
        return done;
    if (is_too_long)
        return failure{store_error::unavailable,
                       fmt::format("table {} has more than {} sessions: too many for a list",
                                   table_->options().table, listed_max)};
    std::sort(read_.begin(), read_.end(),
              [](const session& a, const session& b) { return a.session_id < b.session_id; });
    has_read_ = true;
    return {};
}

result<std::vector<session>> dynamodb_store::list_table(const std::vector<session_status>& states,
                                                        std::size_t count_max,
                                                        std::string_view after_id) {
    // An empty id begins a new list; its later pages are of the same reading.
    if (!has_read_ || after_id.empty())
        if (auto read = read_table(); !read)
            return read.error();
    std::vector<session> found;
    auto at =
        std::upper_bound(read_.begin(), read_.end(), after_id,
                         [](std::string_view id, const session& s) { return id < s.session_id; });
    for (; at != read_.end() && found.size() < count_max; ++at)
        if (states.empty() || std::find(states.begin(), states.end(), at->status) != states.end())
            found.push_back(*at);
    return found;
}

template <class Wanted>
result<std::vector<session>> dynamodb_store::of_table(Wanted wanted) {
    if (auto read = read_table(); !read)
        return read.error();
    std::vector<session> found;
    std::copy_if(read_.begin(), read_.end(), std::back_inserter(found), wanted);
    return found;
}

} // namespace

result<aws::client*> shared_table::calls() {
    const std::scoped_lock hold{mutex_};
    if (!account_) {
        auto opened = aws::account::open(options_.account, aws::process_environment(), time_, log_);
        if (!opened)
            return failure{store_error::unavailable, opened.error().what};
        account_ = std::move(*opened);
    }
    return &account_->calls();
}

remote_usage shared_table::usage() {
    const std::scoped_lock hold{mutex_};
    return account_ ? usage_of(account_->calls().counters(), units_) : remote_usage{};
}

std::int64_t shared_table::clock_ahead_ms() {
    const std::scoped_lock hold{mutex_};
    return account_ ? account_->time().ahead_ms() : 0;
}

remote_usage usage_of(shared_table& table) {
    return table.usage();
}

std::shared_ptr<shared_table> share_table(table_options options, lists from,
                                          const base::clock& time, base::log& log) {
    return std::make_shared<shared_table>(std::move(options), from, time, log);
}

result<std::unique_ptr<store>> open_dynamodb_store(const std::shared_ptr<shared_table>& table) {
    const auto calls = table->calls();
    if (!calls)
        return calls.error();
    return std::unique_ptr<store>{std::make_unique<dynamodb_store>(table, **calls)};
}

} // namespace postern::sync::dynamodb
