// Rows of a remote table of sessions in the replica.
#pragma once

#include "sync/replica/replica.hpp"
#include "sync/store/sqlite/database.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync {

/// Not thread-safe. Each public call is one transaction.
class session_rows final : public row_sink, public replica_writer {
  public:
    session_rows(std::unique_ptr<sqlite::database> db, const replica_options& options,
                 const base::clock& time, note_defect note);

    [[nodiscard]] base::result<std::string> position() override;
    [[nodiscard]] base::result<void> put(std::span<const row_change> changes,
                                         std::string_view position) override;
    [[nodiscard]] base::result<std::uint64_t>
    sweep(const std::function<bool(std::string_view)>& keeps, std::string_view position) override;
    [[nodiscard]] base::result<std::uint64_t> count() override;
    void scan_begins(std::int64_t as_of_ms) override { scan_as_of_ms_ = as_of_ms; }
    [[nodiscard]] bool is_lost() const override { return database_->is_lost(); }

    [[nodiscard]] base::result<std::uint64_t> mark() override;
    [[nodiscard]] base::result<void> wrote(std::string_view key, const session_row& row,
                                           std::uint64_t version, std::uint64_t since) override;
    [[nodiscard]] base::result<void> removed(std::string_view key, std::uint64_t version,
                                             std::uint64_t since) override;
    [[nodiscard]] base::result<void> found(std::string_view key, const session_row& row,
                                           std::uint64_t version, std::uint64_t since) override;
    [[nodiscard]] base::result<std::uint64_t> version_of(std::string_view session_id) override;

  private:
    /// What stands for an item.
    struct known_row {
        std::string session_id;
        std::uint64_t version = 0;
    };
    [[nodiscard]] base::result<std::optional<known_row>> known(std::string_view key);
    [[nodiscard]] base::result<void> put_one(const row_change& change);
    [[nodiscard]] base::result<void> put_row(std::string_view key, const session_row& row,
                                             std::uint64_t version);
    [[nodiscard]] base::result<void> remove_row(std::string_view key);
    /// True: this host has written a later version of the item, or found it later, and the feed
    /// will bring that.
    [[nodiscard]] base::result<bool> is_overtaken(const row_change& change);
    /// What this host has written or removed.
    struct own_write {
        std::string_view key;
        const session_row* row = nullptr; // none: removed
        std::uint64_t version = 0;
        std::uint64_t since = 0; // the mark before it
    };
    /// In one transaction, unless a feed has brought what came after it.
    [[nodiscard]] base::result<void> write_here(const own_write& one);
    [[nodiscard]] base::result<bool> is_past(const own_write& one);
    [[nodiscard]] base::result<bool> has_changed(std::string_view session_id, std::uint64_t since);
    [[nodiscard]] base::result<void> note_written(std::string_view key, std::uint64_t version);
    /// The record as the replica keeps it: with its route key and, by its container, its target.
    [[nodiscard]] base::result<session> completed(const session_row& row);
    [[nodiscard]] base::result<bool> stands_already(const session& record);

    std::unique_ptr<sqlite::database> database_;
    base::text_template route_key_;
    bool has_containers_;
    const base::clock& time_;
    note_defect note_;
    std::int64_t scan_as_of_ms_ = 0; // of the snapshot that is read
};

} // namespace postern::sync
