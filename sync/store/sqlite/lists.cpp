// The lists of an SQLite store.
#include "sync/store/session_defect.hpp"
#include "sync/store/sqlite/session_row.hpp"
#include "sync/store/sqlite/sqlite_connection.hpp"

#include <fmt/format.h>

#include <limits>

namespace postern::sync::sqlite {

using base::result;

namespace {

/// In the order in which stamp_of_row reads them.
constexpr const char* stamp_columns = "s.session_id, s.version, s.last_activity_at_ms, s.ttl_ms";
constexpr std::size_t no_bound = std::numeric_limits<std::size_t>::max();

/// Of one status the index has the rows in their order; of several at once SQLite would sort all of
/// them for each page. So each is read by itself, and merged.
std::string list_sql_of(const char* columns, unsigned states) {
    const std::string select = fmt::format("SELECT {} FROM sessions AS s WHERE ", columns);
    const std::string behind = "s.session_id > ?1";
    if (states == 0)
        return select + behind + " ORDER BY 1";
    std::vector<std::string_view> names;
    for (unsigned i = 0; i < 5; ++i)
        if ((states & (1U << i)) != 0)
            names.push_back(name_of(static_cast<session_status>(i)));
    if ((states & (1U << static_cast<unsigned>(session_status::inactive))) != 0)
        names.emplace_back("expired");
    std::string sql;
    for (const std::string_view name : names)
        sql += fmt::format("{}{}s.status = '{}' AND {}", sql.empty() ? "" : " UNION ALL ", select,
                           name, behind);
    return sql + " ORDER BY 1";
}

unsigned set_of(const std::vector<session_status>& states) {
    unsigned set = 0;
    for (const session_status one : states)
        set |= 1U << static_cast<unsigned>(one);
    return set;
}

/// What `read` makes of each row, as many as are wanted; it leaves some out.
template <class Made>
result<std::vector<Made>> rows_of(query rows, std::size_t count_max,
                                  std::optional<Made> (&read)(const query&)) {
    std::vector<Made> found;
    while (found.size() < count_max) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            break;
        if (auto made = read(rows))
            found.push_back(*std::move(made));
    }
    return found;
}

/// Nothing: it has a defect.
std::optional<session> usable_session(const query& row) {
    stored_session read = session_of_row(row, 0);
    return read.defect.empty() ? std::optional{std::move(read.record)} : std::nullopt;
}

/// Nothing: nobody could ask for it by that id (session_of_row).
std::optional<session_stamp> stamp_of_row(const query& row) {
    if (row.is_blob(0))
        return std::nullopt;
    return session_stamp{std::string{row.text(0)}, static_cast<std::uint64_t>(row.integer(1)),
                         possible_time(row.integer(2)), possible_time(row.integer(3))};
}

} // namespace

result<std::vector<session>> sqlite_connection::list_by_route_key(std::string_view route_key) {
    if (auto there = still_there(); !there)
        return there.error();
    return rows_of(database_
                       ->prepared("SELECT " POSTERN_SESSION_COLUMNS
                                  " FROM sessions AS s WHERE s.route_key = ?1")
                       .bind(route_key),
                   no_bound, usable_session);
}

result<std::vector<session>> sqlite_connection::list_by_client(std::string_view client_id) {
    if (auto there = still_there(); !there)
        return there.error();
    return rows_of(
        database_
            ->prepared("SELECT " POSTERN_SESSION_COLUMNS
                       " FROM sessions AS s WHERE s.client_id = ?1 ORDER BY s.session_id")
            .bind(client_id),
        no_bound, usable_session);
}

result<std::vector<session>> sqlite_connection::list(const std::vector<session_status>& states,
                                                     std::size_t count_max,
                                                     std::string_view after_id) {
    if (auto there = still_there(); !there)
        return there.error();
    const unsigned set = set_of(states);
    const std::string& sql =
        list_sql_.try_emplace(set, list_sql_of(POSTERN_SESSION_COLUMNS, set)).first->second;
    return rows_of(database_->prepared(sql.c_str()).bind(after_id), count_max, usable_session);
}

result<std::vector<session_stamp>>
sqlite_connection::list_stamps(const std::vector<session_status>& states, std::size_t count_max,
                               std::string_view after_id) {
    if (auto there = still_there(); !there)
        return there.error();
    const unsigned set = set_of(states);
    const std::string& sql =
        stamp_sql_.try_emplace(set, list_sql_of(stamp_columns, set)).first->second;
    return rows_of(database_->prepared(sql.c_str()).bind(after_id), count_max, stamp_of_row);
}

} // namespace postern::sync::sqlite
