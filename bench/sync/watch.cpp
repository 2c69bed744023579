// When a change is in the session table, as another process sees it: for each line "KEY PORT" on
// standard input, waits until the route of KEY has a target with PORT, and says when that was (ns
// of CLOCK_MONOTONIC, which Python's time.monotonic_ns reads as well).
#include "cache/layout.hpp"
#include "cache/session_reader.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>
#include <sys/prctl.h>

namespace {

constexpr std::uint32_t watcher_slot = postern::cache::worker_process_slots - 1;
constexpr long nap_ns = 20'000;

void nap() {
    const timespec a_moment{.tv_sec = 0, .tv_nsec = nap_ns};
    ::nanosleep(&a_moment, nullptr);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: bench_watch TABLE\n");
        return 64;
    }
    ::prctl(PR_SET_TIMERSLACK, 1UL); // ns: naps as short as they can be
    const auto table = postern::cache::session_reader::open(argv[1], watcher_slot);
    if (!table) {
        std::fprintf(stderr, "bench_watch: %s\n", table.error().text().c_str());
        return 1;
    }
    std::string key;
    unsigned port = 0;
    while (std::cin >> key >> port) {
        for (;;) {
            const auto route = table->look_up(key);
            if (route && route->target.port == port)
                break;
            nap();
        }
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        std::printf("%lld\n", static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
        std::fflush(stdout);
    }
    return 0;
}
