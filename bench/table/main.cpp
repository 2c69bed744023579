// How long a look-up takes, beside other tables, in the same run. README.md says how to read the
// figures.
#include "bench/table/contenders.hpp"
#include "bench/table/writing_process.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

namespace postern::bench {
namespace {

struct kind {
    std::string name;
    std::function<std::unique_ptr<contender>(std::uint64_t)> make;
    bool quiet;
    bool under_writer;
};

/// Keys and tables of one size, made when they are first needed and kept: repetitions are
/// interleaved.
struct arena {
    std::uint64_t sessions;
    std::unique_ptr<key_stream> keys;
    std::map<std::string, std::unique_ptr<contender>> tables;
};

void look_up_all(benchmark::State& state, arena& in, const kind& of, bool under_writer) {
    if (!in.keys)
        in.keys = std::make_unique<key_stream>(in.sessions);
    auto& table = in.tables[of.name];
    if (!table)
        table = of.make(in.sessions);
    if (under_writer)
        table->start_writer();
    std::uint64_t at = 0;
    std::uint64_t misses = 0;
    for (auto _ : state) {
        // The next key is known only when this look-up is over, as with requests: look-ups must not
        // overlap.
        const bool found = table->look_up((*in.keys)[at]);
        misses += found ? 0 : 1;
        std::uint64_t step = found ? 1 : 2;
        benchmark::DoNotOptimize(step);
        at += step;
        if (at >= in.sessions)
            at = 0;
    }
    if (under_writer)
        state.counters["changes/s"] = table->stop_writer();
    if (misses != 0)
        state.SkipWithError("keys were not found");
}

struct percentiles {
    double p50 = 0;
    double p99 = 0;
};

/// Of look-ups that are timed one by one, ns by the wall, without what reading the clock takes (the
/// median of doing just that).
percentiles timed_one_by_one(arena& in, const kind& of, bool under_writer) {
    contender& table = *in.tables.at(of.name);
    if (under_writer)
        table.start_writer();
    const auto elapsed_of = [&](auto&& act) {
        const auto began = std::chrono::steady_clock::now();
        act();
        return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began)
            .count();
    };
    const std::uint64_t count = 400'000;
    std::vector<double> looks(count);
    std::vector<double> clocks(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view key = (*in.keys)[i % in.sessions];
        looks[i] = elapsed_of([&] { benchmark::DoNotOptimize(table.look_up(key)); });
        clocks[i] = elapsed_of([] {});
    }
    if (under_writer)
        table.stop_writer();
    const auto at = [](std::vector<double>& all, double part) {
        const auto nth =
            all.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(all.size()));
        std::nth_element(all.begin(), nth, all.end());
        return *nth;
    };
    const double clock = at(clocks, 0.5);
    return {at(looks, 0.5) - clock, at(looks, 0.99) - clock};
}

/// Prints as usual and keeps each repetition for the table at the end.
class keeping_reporter final : public benchmark::ConsoleReporter {
  public:
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.error_occurred)
                continue;
            cpu_[run.run_name.function_name].push_back(run.GetAdjustedCPUTime());
            wall_[run.run_name.function_name].push_back(run.GetAdjustedRealTime());
        }
        ConsoleReporter::ReportRuns(runs);
    }
    /// 0 when it was not run.
    [[nodiscard]] double median_cpu(const std::string& name) const { return median(cpu_, name); }
    [[nodiscard]] double median_wall(const std::string& name) const { return median(wall_, name); }

  private:
    using times = std::map<std::string, std::vector<double>>;
    static double median(const times& of, const std::string& name) {
        const auto found = of.find(name);
        if (found == of.end())
            return 0;
        std::vector<double> all = found->second;
        std::sort(all.begin(), all.end());
        return all[all.size() / 2];
    }
    times cpu_;
    times wall_;
};

std::string name_of(const kind& of, std::uint64_t sessions, bool under_writer) {
    return of.name + "/" + std::to_string(sessions) + (under_writer ? "/writer" : "/quiet");
}

std::vector<std::uint64_t> sizes_from(std::string_view list) {
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t n = 0; const char c : std::string{list} + ",") {
        if (c >= '0' && c <= '9')
            n = n * 10 + static_cast<std::uint64_t>(c - '0');
        if (c == 'k')
            n *= 1000;
        if (c == 'm')
            n *= 1'000'000;
        if (c == ',' && n > 0)
            sizes.push_back(std::exchange(n, 0));
    }
    return sizes;
}

void print_summary(const keeping_reporter& kept, const std::vector<kind>& kinds,
                   const std::vector<std::unique_ptr<arena>>& arenas,
                   const std::string& directory) {
    std::printf(
        "\nMedians, ns of CPU a look-up (wall), CPU over the quiet flat map's, and of single "
        "look-ups by the wall\n");
    for (const auto& in : arenas) {
        const std::uint64_t sessions = in->sessions;
        const double floor = kept.median_cpu(name_of(kinds[1], sessions, false));
        std::printf("\n%llu sessions\n", static_cast<unsigned long long>(sessions));
        for (const kind& of : kinds)
            for (const bool under_writer : {false, true}) {
                const std::string name = name_of(of, sessions, under_writer);
                const double cpu = kept.median_cpu(name);
                if (cpu == 0)
                    continue;
                const percentiles single = timed_one_by_one(*in, of, under_writer);
                std::printf("  %-42s %7.0f (%7.0f)   %5.2f x   p50 %5.0f  p99 %6.0f\n",
                            (of.name + (under_writer ? ", 10k changes/s" : ", quiet")).c_str(), cpu,
                            kept.median_wall(name), floor == 0 ? 0.0 : cpu / floor, single.p50,
                            single.p99);
            }
        const table_figures figures = measure_postern(directory, sessions);
        std::printf(
            "  table: %.0f bytes a session on disk (%.0f beyond its key), warm start %.1f ms, open "
            "and first look-up %.0f us\n",
            figures.bytes_per_session, figures.bytes_per_session - key_bytes, figures.warm_start_ms,
            figures.first_look_up_us);
    }
}

int run(int argc, char** argv) {
    std::string directory = std::filesystem::temp_directory_path();
    std::vector<std::uint64_t> sizes{10'000, 1'000'000};
    std::vector<char*> rest{argv[0]};
    std::string repetitions = "--benchmark_repetitions=7";
    std::string interleaving = "--benchmark_enable_random_interleaving=true";
    std::string seconds = "--benchmark_min_time=0.4";
    rest.insert(rest.end(), {repetitions.data(), interleaving.data(), seconds.data()});
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument.starts_with("--sizes="))
            sizes = sizes_from(argument.substr(8));
        else if (argument.starts_with("--directory="))
            directory = argument.substr(12);
        else
            rest.push_back(argv[i]);
    }
    int count = static_cast<int>(rest.size());
    benchmark::Initialize(&count, rest.data());
    if (benchmark::ReportUnrecognizedArguments(count, rest.data()))
        return 1;
    pin_to(reader_core);

    const std::vector<kind> kinds{
        {"postern", [&](auto n) { return make_postern(directory, n); }, true, true},
        {"boost flat map", [](auto n) { return make_flat_map(n, false); }, true, false},
        {"boost flat map + shared_mutex", [](auto n) { return make_flat_map(n, true); }, false,
         true},
        {"LMDB", [&](auto n) { return make_lmdb(directory, n); }, true, true},
    };
    std::vector<std::unique_ptr<arena>> arenas;
    for (const std::uint64_t sessions : sizes) {
        arenas.push_back(std::make_unique<arena>(arena{sessions, nullptr, {}}));
        for (const kind& of : kinds)
            for (const bool under_writer : {false, true}) {
                if (!(under_writer ? of.under_writer : of.quiet))
                    continue;
                benchmark::RegisterBenchmark(name_of(of, sessions, under_writer).c_str(),
                                             look_up_all, std::ref(*arenas.back()), std::cref(of),
                                             under_writer);
            }
    }
    keeping_reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    print_summary(reporter, kinds, arenas, directory);
    return 0;
}

} // namespace
} // namespace postern::bench

int main(int argc, char** argv) {
    return postern::bench::run(argc, argv);
}
