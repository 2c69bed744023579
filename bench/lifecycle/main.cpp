// What the lifecycle thread costs while nothing happens: sessions of other hosts, all active. Time
// is simulated, CPU time is real. bench/lifecycle/README.md says what is asked.
#include "base/doorbell.hpp"
#include "control/launch/no_launcher.hpp"
#include "control/lifecycle/lifecycle.hpp"
#include "sync/store/sqlite/database.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace postern;
using namespace std::chrono_literals;

double cpu_s() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

double memory_mib(const char* name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name))
            return std::atof(line.c_str() + line.find(':') + 1) / 1024;
    return 0;
}

/// Ids as hosts make them: a UUID each, in no order.
std::string filling(std::size_t count, std::int64_t now_ms) {
    return fmt::format(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "INSERT INTO sessions (session_id, client_id, user_id, thread_id, route_key, status, task, "
        "target, last_activity_at_ms, ttl_ms) SELECT id, 'acme', 'u-' || (i % 1000), 't-' || id, "
        "'acme-t-' || id, 'active', 'arn:aws:ecs:eu-central-1:123456789012:task/dev/' || id, "
        "'10.1.2.3:4321', {}, {} FROM (SELECT i, lower(hex(randomblob(16))) AS id FROM n)",
        count, now_ms, now_ms + 86'400'000);
}

/// CPU seconds of the turns of so much time, and of the longest.
struct cost {
    double sum_s = 0, longest_s = 0;
};
cost turns(control::lifecycle& life, base::manual_clock& time, std::chrono::milliseconds during) {
    cost all;
    for (auto passed = 0ms; passed < during; passed += 250ms) {
        time.advance(250ms);
        const double began = cpu_s();
        life.turn({}, 0ms);
        const double took = cpu_s() - began;
        all.sum_s += took;
        all.longest_s = std::max(all.longest_s, took);
    }
    return all;
}

int measure(std::size_t count, const std::string& folder) {
    const std::string path = folder + "/sessions.db";
    base::manual_clock time{base::system_clock{}.wall()}; // the store's triggers know only this one
    const auto open = [&] { return sync::open_sqlite_store({.path = path, .busy_timeout = 5s}); };
    auto opened = open();
    if (!opened)
        return std::fprintf(stderr, "%s\n", opened.error().text().c_str()), 1;
    auto db = std::move(*sync::sqlite::database::open(path, false));
    if (const auto filled = db->execute(filling(count, base::to_epoch_ms(time.wall()))); !filled)
        return std::fprintf(stderr, "%s\n", filled.error().text().c_str()), 1;

    control::lifecycle_rules rules;
    control::no_launcher nothing;
    control::metrics numbers;
    control::store_health health;
    base::log log{2, base::log_level::warn, "bench", time};
    const base::doorbell sync_bell, bell;
    const auto routed = [](std::string_view) {
        return std::optional{control::table_entry{cache::route_state::active, {}, {}}};
    };
    control::lifecycle life{rules,
                            {open, nothing, routed, sync_bell, bell, numbers, health, time, log}};
    const double before_mib = memory_mib("VmRSS");
    cost start;
    while (numbers.sessions[static_cast<std::size_t>(sync::session_status::active)] < count) {
        const cost one = turns(life, time, 250ms);
        start.sum_s += one.sum_s;
        start.longest_s = std::max(start.longest_s, one.longest_s);
    }
    fmt::print("{} active sessions\n", count);
    fmt::print("  start:          {:7.2f} s of CPU, the longest turn {:8.1f} ms, {:.0f} MiB\n",
               start.sum_s, start.longest_s * 1e3, memory_mib("VmRSS") - before_mib);
    for (const bool is_used : {false, true}) {
        turns(life, time, 120s); // whatever was begun comes to its end
        if (is_used)             // what sync writes back of sessions in use
            if (!db->execute(
                    "UPDATE sessions SET last_activity_at_ms = last_activity_at_ms + 60000, "
                    "ttl_ms = ttl_ms + 60000, request_count = request_count + 1"))
                return 1;
        const cost minutes = turns(life, time, 120s);
        fmt::print("  {}: {:7.2f} s of CPU a minute, the longest turn {:8.1f} ms\n",
                   is_used ? "all in use    " : "nothing happens", minutes.sum_s / 2,
                   minutes.longest_s * 1e3);
    }
    fmt::print("  memory, at most: {:.0f} MiB\n", memory_mib("VmHWM") - before_mib);
    return 0;
}

} // namespace

int main(int count, char** values) {
    std::string folder = std::filesystem::temp_directory_path() / "bench-lifecycle-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr)
        return 1;
    const int failed = measure(count > 1 ? std::strtoul(values[1], nullptr, 10) : 200'000, folder);
    std::filesystem::remove_all(folder);
    return failed;
}
