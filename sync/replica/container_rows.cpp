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
            auto done = set_target(one.key, has_target ? row->target.text() : std::string{});
            if (!done)
                return done;
        }
        if (!position.empty())
            if (auto kept = write_meta(*database_, container_position, position); !kept)
                return kept;
        return write.commit();
    }

    result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                std::string_view position) override {
        transaction write{*database_};
        if (auto begun = write.begin_write(); !begun)
            return begun.error();
        const auto gone =
            refused_keys(database_->prepared("SELECT container_id FROM containers"), keeps);
        if (!gone)
            return gone.error();
        for (const std::string& id : *gone)
            if (auto removed = set_target(id, {}); !removed)
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
    /// One without an address is as good as none.
    result<void> set_target(std::string_view container_id, std::string_view target) {
        auto set = target.empty()
                       ? database_->prepared("DELETE FROM containers WHERE container_id = ?1")
                             .bind(container_id)
                             .run()
                       : database_
                             ->prepared("INSERT INTO containers VALUES (?1, ?2) "
                                        "ON CONFLICT (container_id) DO UPDATE SET target = ?2")
                             .bind(container_id, target)
                             .run();
        if (!set)
            return set;
        return database_
            ->prepared("UPDATE sessions SET target = ?2 WHERE target IS NOT ?2 AND session_id IN "
                       "(SELECT session_id FROM replica_rows WHERE container_id = ?1 "
                       "AND container_id <> '')")
            .bind(container_id, target)
            .run();
    }

    std::unique_ptr<sqlite::database> database_;
    note_defect note_;
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
