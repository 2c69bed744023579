// The half of a replica's sessions that this host writes: what it wrote to the remote table stands
// here at once, unless a feed knows better.
#include "sync/replica/replica_schema.hpp"
#include "sync/replica/session_rows.hpp"

namespace postern::sync {

using base::result;
using sqlite::transaction;

result<std::uint64_t> session_rows::mark() {
    auto rows = database_->prepared("SELECT coalesce(max(seq), 0) FROM changes");
    const auto row = rows.step();
    if (!row)
        return row.error();
    return static_cast<std::uint64_t>(rows.integer(0));
}

result<void> session_rows::wrote(std::string_view key, const session_row& row,
                                 std::uint64_t version, std::uint64_t since) {
    return write_here({key, &row, version, since});
}

result<void> session_rows::removed(std::string_view key, std::uint64_t version,
                                   std::uint64_t since) {
    return write_here({key, nullptr, version, since});
}

result<void> session_rows::found(std::string_view key, const session_row& row,
                                 std::uint64_t version, std::uint64_t since) {
    transaction writing{*database_};
    if (auto begun = writing.begin_write(); !begun)
        return begun;
    const auto loaded = is_loaded(*database_, has_containers_);
    if (!loaded)
        return loaded.error();
    if (!*loaded)
        return base::failure{store_error::unavailable, "its first snapshot is being read"};
    const auto overtaken = is_overtaken({std::string{key}, std::nullopt, version});
    if (!overtaken)
        return overtaken.error();
    const auto past = version != 0 ? is_past({key, &row, version, since})
                                   : has_changed(row.read.record.session_id, since);
    if (!past)
        return past.error();
    if (*overtaken || *past)
        return {};
    if (!row.container_id.empty())
        if (auto set = set_target(*database_, row.container_id, row.read.record.target); !set)
            return set;
    if (auto done = put_row(key, row, version); !done)
        return done;
    if (auto noted = note_written(key, version); !noted)
        return noted;
    return writing.commit();
}

result<void> session_rows::write_here(const own_write& one) {
    transaction writing{*database_};
    if (auto begun = writing.begin_write(); !begun)
        return begun;
    const auto past = is_past(one);
    if (!past)
        return past.error();
    if (*past)
        return {};
    auto done = one.row != nullptr ? put_row(one.key, *one.row, one.version) : remove_row(one.key);
    if (!done)
        return done;
    // A removal is noted later than any image of it, earlier than any of one that is made anew.
    const std::uint64_t noted = one.version + (one.row != nullptr ? 0 : 1);
    if (auto kept = note_written(one.key, noted); !kept)
        return kept;
    return writing.commit();
}

/// Versions tell where both have one. Others may write without, or have removed the item: then what
/// changed here while the answer to the write was on its way came after it, or will be followed by
/// it.
result<bool> session_rows::is_past(const own_write& one) {
    const auto now = known(one.key);
    if (!now)
        return now.error();
    const std::uint64_t version = *now ? (*now)->version : 0;
    if (version > one.version)
        return true;
    if (!*now && one.row == nullptr)
        return false;
    const bool is_told = version != 0 && (version < one.version || one.row == nullptr);
    if (is_told)
        return false;
    return has_changed(*now ? (*now)->session_id : one.row->read.record.session_id, one.since);
}

result<bool> session_rows::has_changed(std::string_view session_id, std::uint64_t since) {
    auto rows = database_->prepared("SELECT 1 FROM changes WHERE seq > ?1 AND session_id = ?2")
                    .bind(since, session_id);
    return rows.step();
}

result<std::uint64_t> session_rows::version_of(std::string_view session_id) {
    auto rows = database_->prepared("SELECT version FROM replica_rows WHERE session_id = ?1")
                    .bind(session_id);
    const auto row = rows.step();
    if (!row)
        return row.error();
    return *row ? static_cast<std::uint64_t>(rows.integer(0)) : std::uint64_t{0};
}

result<void> session_rows::note_written(std::string_view key, std::uint64_t version) {
    return database_
        ->prepared("INSERT INTO written_here VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE "
                   "SET version = max(version, ?2), at_ms = ?3")
        .bind(key, version, base::to_epoch_ms(time_.wall()))
        .run();
}

result<std::unique_ptr<replica_writer>> open_replica_writer(const replica_options& options,
                                                            const base::clock& time) {
    auto db = open_replica(options);
    if (!db)
        return db.error();
    return std::unique_ptr<replica_writer>{std::make_unique<session_rows>(
        std::move(*db), options, time, [](std::string_view, const std::string&) {})};
}

} // namespace postern::sync
