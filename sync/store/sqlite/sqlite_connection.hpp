// One open SQLite store: records in records.cpp and lists.cpp, feed and snapshot in feed.cpp.
#pragma once

#include "sync/store/sqlite/database.hpp"

#include <map>

namespace postern::sync::sqlite {

/// See store. Every call first looks whether the file is still the one at its path: a database that
/// was moved away, deleted or replaced answers `unavailable` from then on, so that its user opens
/// the new one.
class sqlite_connection : public store {
  public:
    explicit sqlite_connection(std::unique_ptr<database> opened) noexcept
        : database_{std::move(opened)} {}

    base::result<session> get(std::string_view session_id) override;
    base::result<std::vector<session>> list_by_route_key(std::string_view route_key) override;
    base::result<std::vector<session>> list_by_client(std::string_view client_id) override;
    base::result<std::vector<session>> list(const std::vector<session_status>& states,
                                            std::size_t count_max,
                                            std::string_view after_id) override;
    base::result<std::vector<session_stamp>> list_stamps(const std::vector<session_status>& states,
                                                         std::size_t count_max,
                                                         std::string_view after_id) override;
    base::result<session> insert(const session& record) override;
    base::result<session> replace(const session& record) override;
    base::result<void> remove(std::string_view session_id, std::uint64_t version) override;
    base::result<void> add_activity(const std::vector<activity_update>& updates) override;
    base::result<void> set_route_key(std::string_view session_id, std::string_view route_key,
                                     std::uint64_t version) override;

    base::result<std::string> identity() override;
    base::result<std::string> feed_position() override;
    std::uint64_t version_at(std::string_view position) const override;
    base::result<feed_batch> changes_after(std::string_view checkpoint,
                                           std::size_t count_max) override;
    bool may_have_changed() override;
    base::result<snapshot_page> read_snapshot(std::string_view from,
                                              std::size_t count_max) override;
    base::result<std::vector<stored_session>> list_expired(std::int64_t after_ms,
                                                           std::string_view after_id,
                                                           std::int64_t until_ms,
                                                           std::size_t count_max) override;
    base::result<std::string> route_key_template() override;
    base::result<void> note_route_key_template(std::string_view text) override;
    base::result<void> try_write() override;
    void set_patience(std::chrono::milliseconds longest) override;

  protected:
    [[nodiscard]] database& opened() noexcept { return *database_; }

  private:
    [[nodiscard]] base::result<void> still_there() const;
    [[nodiscard]] base::failure no_such_session(std::string_view session_id) const;
    /// What every write begins with, and that of a whole record.
    [[nodiscard]] base::result<void> begin(transaction& write);
    [[nodiscard]] base::result<void> begin(transaction& write, const session& record);
    /// What it ends with: the record as it is now, its new version with it.
    [[nodiscard]] base::result<session> end(transaction& write, std::string_view session_id);
    /// Why a write by id and version changed no row.
    [[nodiscard]] base::failure refusal_of(std::string_view session_id, std::uint64_t version);
    [[nodiscard]] base::result<void> check_checkpoint(std::uint64_t seq, std::int64_t made_at_ms);

    std::unique_ptr<database> database_;
    std::map<unsigned, std::string> list_sql_, stamp_sql_; // by the set of states
    std::string data_version_;      // PRAGMA data_version: commits of other connections
    std::int64_t rows_changed_ = 0; // by this one
};

} // namespace postern::sync::sqlite
