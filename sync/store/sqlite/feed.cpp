// The feed and the snapshots of an SQLite store.
// A position is "SEQ@MADE_AT": the last change that was read and its time, by which a log that was
// put back to an earlier copy and written on from there is told from the one that was followed.
// SEQ@0: a change that is gone.
#include "sync/store/sqlite/session_row.hpp"
#include "sync/store/sqlite/sqlite_connection.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace postern::sync::sqlite {

using base::failure;
using base::result;

namespace {

struct position {
    std::uint64_t seq = 0;
    std::int64_t made_at_ms = 0;
};

std::optional<position> position_of(std::string_view text) {
    position read;
    const char* const end = text.data() + text.size();
    const auto seq = std::from_chars(text.data(), end, read.seq);
    if (seq.ec != std::errc{} || seq.ptr == end || *seq.ptr != '@')
        return std::nullopt;
    const auto made = std::from_chars(seq.ptr + 1, end, read.made_at_ms);
    if (made.ec != std::errc{} || made.ptr != end)
        return std::nullopt;
    return read;
}

std::string text_of(std::int64_t seq, std::int64_t made_at_ms) {
    return fmt::format("{}@{}", seq, made_at_ms);
}

} // namespace

result<std::string> sqlite_connection::identity() {
    if (auto there = still_there(); !there)
        return there.error();
    auto rows = database_->prepared("SELECT value FROM meta WHERE name = 'identity'");
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row || rows.text(0).empty())
        return failure{store_error::invalid,
                       fmt::format("store {}: meta has no identity", database_->path())};
    return std::string{rows.text(0)};
}

result<std::string> sqlite_connection::feed_position() {
    if (auto there = still_there(); !there)
        return there.error();
    auto rows =
        database_->prepared("SELECT q.seq, coalesce(c.made_at_ms, 0) FROM sqlite_sequence AS q "
                            "LEFT JOIN changes AS c ON c.seq = q.seq WHERE q.name = 'changes'");
    const auto row = rows.step();
    if (!row)
        return row.error();
    return *row ? text_of(rows.integer(0), rows.integer(1)) : text_of(0, 0);
}

std::uint64_t sqlite_connection::version_at(std::string_view text) const {
    const auto at = position_of(text);
    return at ? at->seq : 0;
}

result<void> sqlite_connection::check_checkpoint(std::uint64_t seq, std::int64_t made_at_ms) {
    auto rows =
        database_
            ->prepared("SELECT (SELECT made_at_ms FROM changes WHERE seq = ?1), "
                       "(SELECT min(seq) FROM changes), "
                       "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)")
            .bind(seq);
    const auto row = rows.step();
    if (!row)
        return row.error();
    const auto last = static_cast<std::uint64_t>(rows.integer(2));
    const bool is_kept = !rows.is_null(0);
    // Nothing to compare times by: the change at the position is gone, and what follows it is the
    // oldest, or nothing.
    const bool follows = made_at_ms == 0 && seq <= last &&
                         (seq == last || (!rows.is_null(1) &&
                                          static_cast<std::uint64_t>(rows.integer(1)) == seq + 1));
    if (is_kept ? rows.integer(0) == made_at_ms : follows)
        return {};
    return failure{store_error::gap,
                   fmt::format("store {}: change {} is no longer in the log, which ends at {}",
                               database_->path(), seq, last)};
}

result<feed_batch> sqlite_connection::changes_after(std::string_view checkpoint,
                                                    std::size_t count_max) {
    if (auto there = still_there(); !there)
        return there.error();
    const auto from = position_of(checkpoint);
    if (!from)
        return failure{store_error::gap, fmt::format("store {}: \"{}\" is no position of its feed",
                                                     database_->path(), checkpoint)};
    transaction reading{*database_};
    if (auto begun = reading.begin_read(); !begun)
        return begun.error();
    if (auto checked = check_checkpoint(from->seq, from->made_at_ms); !checked)
        return checked.error();
    feed_batch batch;
    batch.checkpoint = checkpoint;
    auto rows = database_
                    ->prepared("SELECT c.seq, c.made_at_ms, c.session_id, c.former_key, "
                               "s.session_id IS NOT NULL, " POSTERN_SESSION_COLUMNS
                               " FROM changes AS c LEFT JOIN sessions AS s "
                               "ON s.session_id = c.session_id WHERE c.seq > ?1 "
                               "ORDER BY c.seq LIMIT ?2")
                    .bind(from->seq, std::uint64_t{count_max});
    for (;;) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            break;
        change one;
        one.version = static_cast<std::uint64_t>(rows.integer(0));
        one.session_id = rows.text(2);
        one.route_key = rows.text(3);
        if (rows.integer(4) != 0)
            one.current = session_of_row(rows, 5);
        batch.checkpoint = text_of(rows.integer(0), rows.integer(1));
        batch.changes.push_back(std::move(one));
    }
    batch.at_end = batch.changes.size() < count_max;
    return batch;
}

bool sqlite_connection::may_have_changed() {
    if (database_->is_replaced())
        return true;
    auto rows = database_->prepared("PRAGMA data_version");
    const auto row = rows.step();
    if (!row || !*row)
        return true; // the next call says what is wrong
    const std::string seen{rows.text(0)};
    const std::int64_t own = database_->rows_changed_ever();
    const bool changed = seen != data_version_ || own != rows_changed_;
    data_version_ = seen;
    rows_changed_ = own;
    return changed;
}

result<snapshot_page> sqlite_connection::read_snapshot(std::string_view from,
                                                       std::size_t count_max) {
    if (auto there = still_there(); !there)
        return there.error();
    // By rowid: an id may be any bytes, of any type; and rows lie in this order.
    std::int64_t after = std::numeric_limits<std::int64_t>::min();
    std::from_chars(from.data(), from.data() + from.size(), after);
    auto rows = database_
                    ->prepared("SELECT s.rowid, " POSTERN_SESSION_COLUMNS " FROM sessions AS s "
                               "WHERE s.rowid > ?1 ORDER BY s.rowid LIMIT ?2")
                    .bind(after, std::uint64_t{count_max});
    snapshot_page page;
    for (;;) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            break;
        after = rows.integer(0);
        page.records.push_back(session_of_row(rows, 1));
    }
    if (page.records.size() == count_max)
        page.next = std::to_string(after);
    return page;
}

result<std::vector<stored_session>> sqlite_connection::list_expired(std::int64_t after_ms,
                                                                    std::string_view after_id,
                                                                    std::int64_t until_ms,
                                                                    std::size_t count_max) {
    if (auto there = still_there(); !there)
        return there.error();
    auto rows = database_
                    ->prepared("SELECT " POSTERN_SESSION_COLUMNS " FROM sessions AS s "
                               "WHERE s.ttl_ms > 0 AND (s.ttl_ms, s.session_id) > (?1, ?2) "
                               "AND s.ttl_ms <= ?3 ORDER BY s.ttl_ms, s.session_id LIMIT ?4")
                    .bind(after_ms, after_id, until_ms, std::uint64_t{count_max});
    std::vector<stored_session> found;
    for (;;) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            return found;
        found.push_back(session_of_row(rows, 0));
    }
}

result<std::string> sqlite_connection::route_key_template() {
    if (auto there = still_there(); !there)
        return there.error();
    auto rows = database_->prepared("SELECT value FROM meta WHERE name = 'route_key_template'");
    const auto row = rows.step();
    if (!row)
        return row.error();
    return *row ? std::string{rows.text(0)} : std::string{};
}

result<void> sqlite_connection::note_route_key_template(std::string_view text) {
    if (auto there = still_there(); !there)
        return there;
    return database_
        ->prepared("INSERT INTO meta VALUES ('route_key_template', ?1) "
                   "ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(text)
        .run();
}

void sqlite_connection::set_patience(std::chrono::milliseconds longest) {
    database_->set_patience(longest);
}

} // namespace postern::sync::sqlite
