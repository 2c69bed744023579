// `postern table check` and `dump`: a session table read from its file, with or without a running
// postern.
#include "base/utf8.hpp"
#include "cache/inspect.hpp"
#include "edge/cli/cli.hpp"
#include "edge/cli/text_table.hpp"
#include "edge/settings/lexer.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <ostream>

namespace postern::edge {
namespace {

int check(const std::string& path, const console& to) {
    const auto report = cache::check_table(path);
    if (!report)
        return to.refuse(exit_failed, report.error().text());
    if (!report->is_table)
        return to.refuse(exit_failed,
                         fmt::format("{} is not a session table (it does not begin like one), "
                                     "nothing was changed",
                                     shown(path)));
    fmt::print(to.out, "{}: {} of {} sessions, {} bytes, {} changes so far\n", shown(path),
               report->live, report->capacity, report->file_bytes, report->changes);
    fmt::print(to.out, "index: {} buckets; a look-up reads {:.2f} on average, {} at most\n",
               report->buckets, report->probes_mean, report->probes_max);
    fmt::print(to.out, "sync: process {}, last sign of life {}, last in step with the store {}\n",
               report->sync_pid, time_text(report->sync_heartbeat_ms),
               time_text(report->synced_at_ms));
    if (report->writer_at_work)
        to.out << "a writer is at work: counts that move were not compared\n";
    if (report->leftovers > 0)
        fmt::print(to.out, "{} traces of a writer that died; harmless, the next one clears them\n",
                   report->leftovers);
    if (report->good()) {
        to.out << "good\n";
        return exit_ok;
    }
    for (const std::string& problem : report->problems)
        to.out << "problem: " << base::printable(problem) << "\n";
    return to.refuse(
        exit_failed,
        fmt::format("{} has {} problem{}, nothing was changed; what postern finds damaged in its "
                    "table it puts right or makes anew from the store",
                    shown(path), report->problems_found, report->problems_found == 1 ? "" : "s"));
}

int dump(const std::string& path, const console& to) {
    text_table table{{"KEY", "STATE", "TARGET", "SESSION", "LAST SEEN", "REQUESTS", "RESUME UNTIL",
                      "EXPIRES", "REASON"}};
    const auto done = cache::dump_table(
        path, [&](std::string_view key, const cache::route& route, const cache::activity& a) {
            table.add({std::string{key}, std::string{cache::name_of(route.state)},
                       route.target.address.is_none() ? "-" : route.target.text(),
                       std::string{route.session_id()}, time_text(a.last_seen_ms),
                       std::to_string(a.requests), time_text(route.resume_until_ms),
                       time_text(route.expires_at_ms), std::string{route.reason()}});
        });
    if (!done)
        return to.refuse(exit_failed, done.error().text());
    table.write(to.out);
    return exit_ok;
}

} // namespace

int run_table(const command_line& line, const settings& conf, const console& to) {
    const std::string& path = line.subject.empty() ? conf.table_path : line.subject;
    return line.verb == verb::table_check ? check(path, to) : dump(path, to);
}

} // namespace postern::edge
