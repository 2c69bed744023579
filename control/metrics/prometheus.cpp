// What a Prometheus server reads from /metrics.
#include "base/file.hpp"
#include "control/launch/proc_files.hpp"
#include "control/metrics/metrics.hpp"
#include "sync/store/store.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <sys/resource.h>
#include <tuple>
#include <unistd.h>

namespace postern::control {
namespace {

/// Writes samples under their HELP and TYPE lines. Source: Prometheus "Exposition formats",
/// text-based format.
class exposition {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help,
                       type);
        name_ = name;
    }
    template <class Number>
    void sample(Number value, std::string_view suffix = {}, std::string_view labels = {}) {
        fmt::format_to(std::back_inserter(text_), "{}{}{} {}\n", name_, suffix, labels, value);
    }
    template <class Number>
    void one(std::string_view name, std::string_view type, std::string_view help, Number value) {
        family(name, type, help);
        sample(value);
    }
    [[nodiscard]] std::string take() { return fmt::to_string(text_); }

  private:
    fmt::memory_buffer text_;
    std::string name_;
};

std::uint64_t value_of(const metrics::number& n) {
    return n.load(std::memory_order_relaxed);
}

double age_s(std::int64_t then_ms, const base::clock& time) {
    return then_ms == 0 ? -1 : static_cast<double>(base::to_epoch_ms(time.wall()) - then_ms) / 1000;
}

/// NAME__LABEL__VALUE in its parts; the last two may be empty.
std::array<std::string_view, 3> parts_of(std::string_view counter) {
    const std::size_t label = counter.find("__");
    if (label == std::string_view::npos)
        return {counter, {}, {}};
    const std::size_t value = counter.find("__", label + 2);
    return {counter.substr(0, label), counter.substr(label + 2, value - label - 2),
            counter.substr(value + 2)};
}

void add_counters(exposition& out, const cache::session_reader& table) {
    std::set<std::string_view> told;
    for (std::size_t first = 0; first < cache::counters_count; ++first) {
        const std::string_view family = parts_of(cache::counter_infos[first].name)[0];
        if (!told.insert(family).second)
            continue;
        out.family(fmt::format("postern_{}_total", family), "counter",
                   cache::counter_infos[first].help);
        // Younger ones stand further back, but a family is shown in one piece.
        for (std::size_t i = first; i < cache::counters_count; ++i) {
            const auto [name, label, value] = parts_of(cache::counter_infos[i].name);
            if (name == family)
                out.sample(table.total(static_cast<cache::counter>(i)), {},
                           label.empty() ? std::string{}
                                         : fmt::format("{{{}=\"{}\"}}", label, value));
        }
    }
}

void add_table(exposition& out, const cache::session_reader& table, const base::clock& time) {
    add_counters(out, table);
    out.family("postern_feeder_has_lease", "gauge",
               "1: this host feeds Redis for the others, by a lease");
    using cache::counter;
    for (const auto& [feed, taken, ended] :
         {std::tuple{"sessions", counter::feeder_leases__feed__sessions,
                     counter::feeder_leases_ended__feed__sessions},
          std::tuple{"containers", counter::feeder_leases__feed__containers,
                     counter::feeder_leases_ended__feed__containers}})
        out.sample(table.total(taken) > table.total(ended) ? 1 : 0, {},
                   fmt::format("{{feed=\"{}\"}}", feed));
    const cache::table_status status = table.status();
    out.one("postern_table_capacity", "gauge", "Sessions that fit into the session table",
            status.capacity);
    out.one("postern_table_sessions", "gauge", "Sessions in the session table", status.live);
    out.one("postern_table_changes_total", "counter", "Changes of routes in the session table",
            status.changes);
    out.one("postern_table_age_seconds", "gauge",
            "Since sync last had all of the store in the table; -1: never",
            age_s(status.synced_at_ms, time));
    out.one("postern_sync_heartbeat_age_seconds", "gauge",
            "Since sync was last seen alive; -1: never", age_s(status.sync_heartbeat_ms, time));
}

void add_sessions(exposition& out, const metrics& m) {
    out.family("postern_sessions", "gauge", "Session records in the store by status");
    for (std::size_t i = 0; i < m.sessions.size(); ++i)
        out.sample(value_of(m.sessions[i]), {},
                   fmt::format("{{status=\"{}\"}}", name_of(static_cast<sync::session_status>(i))));
    out.one("postern_launches_running", "gauge", "Launches that are starting, ready or stopping",
            value_of(m.launches_running));
    out.one("postern_launches_started_total", "counter", "Launches begun",
            value_of(m.launches_started));
    out.one("postern_launches_failed_total", "counter",
            "Launches that never became ready, or died once too often",
            value_of(m.launches_failed));
    out.one("postern_relaunches_total", "counter", "Launches begun because a ready one had died",
            value_of(m.relaunches));
    out.one("postern_idle_stops_total", "counter", "Sessions stopped at idle_timeout",
            value_of(m.idle_stops));
    out.one("postern_records_removed_total", "counter",
            "Session records removed when their time was over", value_of(m.records_removed));
    out.one("postern_control_store_errors_total", "counter", "Store calls of control that failed",
            value_of(m.store_errors));
    out.one("postern_control_store_conflicts_total", "counter",
            "Writes of control that another writer came before", value_of(m.store_conflicts));
    out.one("postern_control_connections", "gauge", "Open connections to the session API",
            value_of(m.connections));
    out.one("postern_control_connections_max", "gauge",
            "Connections at which those without a token are closed to make room",
            value_of(m.connections_max));
    out.one("postern_control_connections_refused_total", "counter",
            "Connections without a token that were closed early to make room",
            value_of(m.connections_refused));
    out.family("postern_control_answers_total", "counter",
               "Answers of the session API by status class");
    for (std::size_t i = 1; i < m.api_answers.size(); ++i)
        out.sample(value_of(m.api_answers[i]), {}, fmt::format("{{code=\"{}xx\"}}", i));
}

void add_launch_seconds(exposition& out, const metrics& m) {
    out.family("postern_launch_seconds", "histogram",
               "From the start of a launch until it was ready");
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < m.launch_bounds_s.size(); ++i) {
        below += value_of(m.launch_buckets[i]);
        out.sample(below, "_bucket", fmt::format("{{le=\"{:g}\"}}", m.launch_bounds_s[i]));
    }
    below += value_of(m.launch_buckets.back());
    out.sample(below, "_bucket", "{le=\"+Inf\"}");
    out.sample(static_cast<double>(value_of(m.launch_ms_sum)) / 1000, "_sum");
    out.sample(below, "_count");
}

/// The names that Prometheus client libraries use for any process.
void add_process(exposition& out) {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    out.one("process_cpu_seconds_total", "counter", "CPU time of the control process",
            seconds(used.ru_utime) + seconds(used.ru_stime));
    if (const auto statm = base::read_file("/proc/self/statm", 4096)) {
        std::istringstream words{*statm};
        std::uint64_t total = 0, resident = 0;
        words >> total >> resident;
        out.one("process_resident_memory_bytes", "gauge", "Resident memory of the control process",
                resident * page);
    }
    std::error_code error;
    std::uint64_t fds = 0;
    for (auto it = std::filesystem::directory_iterator{"/proc/self/fd", error};
         !error && it != std::filesystem::directory_iterator{}; it.increment(error))
        ++fds;
    out.one("process_open_fds", "gauge", "Open descriptors of the control process", fds);
    const auto stat = base::read_file("/proc/stat", 16UL * 1024 * 1024);
    const auto self = stat_of(::getpid());
    const std::size_t at = stat ? stat->find("\nbtime ") : std::string::npos;
    if (self && at != std::string::npos)
        out.one("process_start_time_seconds", "gauge", "Start of the control process, Unix time",
                static_cast<double>(std::strtoull(stat->c_str() + at + 7, nullptr, 10)) +
                    static_cast<double>(self->start_time) / ticks);
}

} // namespace

std::string prometheus_text(const metrics& numbers, const cache::session_reader* table,
                            const base::clock& time) {
    exposition out;
    if (table)
        add_table(out, *table, time);
    add_sessions(out, numbers);
    add_launch_seconds(out, numbers);
    add_process(out);
    return out.take();
}

} // namespace postern::control
