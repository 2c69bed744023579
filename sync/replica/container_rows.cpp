// Rows of a remote table of containers in the replica: the targets of the sessions that name them.
#include "sync/replica/replica.hpp"
#include "sync/replica/replica_schema.hpp"

namespace postern::sync {
namespace {

using base::result;
using sqlite::transaction;

class container_rows final : public row_sink {
  public:
    container_rows(std::unique_ptr<sqlite::database> db, note_defect note)
        : database_{std::move(db)}, note_{std::move(note)} {}

    result<std::string> position() override { return read_meta(*database_, container_position); }

    result<void> put(std::span<const row_change> changes, std::string_view position) override {
        transaction write{*database_};
        if (auto begun = write.begin_write(); !begun)
            return begun;
        for (const row_change& one : changes) {
            const auto* const row = one.now ? std::get_if<container_row>(&*one.now) : nullptr;
            if (row != nullptr && !row->defect.empty())
                note_(one.key, row->defect);
            const bool has_target =
                row != nullptr && row->defect.empty() && !row->target.address.is_none();
            const auto overtaken = is_overtaken(one);
            if (!overtaken)
                return overtaken.error();
            if (*overtaken)
                continue;
            auto done =
                set_target(*database_, one.key, has_target ? row->target : base::ip_endpoint{});
            if (!done)
                return done;
        }
        if (!position.empty())
            if (auto kept = write_meta(*database_, container_position, position); !kept)
                return kept;
        return write.commit();
    }

    void scan_begins(std::int64_t as_of_ms) override { scan_as_of_ms_ = as_of_ms; }
    bool is_lost() const override { return database_->is_lost(); }

    result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                std::string_view position) override {
        transaction write{*database_};
        if (auto begun = write.begin_write(); !begun)
            return begun.error();
        // As with sessions: what was found later than what the pages show is in none of them.
        const auto gone = refused_keys(
            database_
                ->prepared("SELECT container_id FROM containers WHERE container_id NOT IN "
                           "(SELECT container_id FROM replica_rows JOIN written_here USING (key) "
                           "WHERE at_ms >= ?1)")
                .bind(scan_as_of_ms_),
            keeps);
        if (!gone)
            return gone.error();
        for (const std::string& id : *gone)
            if (auto removed = set_target(*database_, id, {}); !removed)
                return removed.error();
        if (auto kept = write_meta(*database_, container_position, position); !kept)
            return kept.error();
        if (auto done = write.commit(); !done)
            return done.error();
        return gone->size();
    }

    result<std::uint64_t> count() override {
        auto rows = database_->prepared("SELECT count(*) FROM containers");
        const auto row = rows.step();
        if (!row)
            return row.error();
        return static_cast<std::uint64_t>(rows.integer(0));
    }

  private:
    /// Whether an address that was read of the table from `read_from_ms` on may be older than the
    /// one that stands here: of a session that was found, or written here, later.
    result<bool> is_overtaken(const row_change& change) {
        if (change.read_from_ms == 0)
            return false;
        auto rows = database_
                        ->prepared("SELECT 1 FROM replica_rows JOIN written_here USING (key) "
                                   "WHERE container_id = ?1 AND container_id <> '' "
                                   "AND at_ms >= ?2 LIMIT 1")
                        .bind(change.key, change.read_from_ms);
        return rows.step();
    }

    std::unique_ptr<sqlite::database> database_;
    note_defect note_;
    std::int64_t scan_as_of_ms_ = 0; // of the snapshot that is read
};

} // namespace

result<std::unique_ptr<row_sink>> open_container_rows(const replica_options& options,
                                                      note_defect note) {
    auto db = open_replica(options);
    if (!db)
        return db.error();
    return std::unique_ptr<row_sink>{
        std::make_unique<container_rows>(std::move(*db), std::move(note))};
}

} // namespace postern::sync
