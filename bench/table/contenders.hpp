// The tables that are compared. Each holds the same keys, copies a record out, and can be written
// meanwhile.
#pragma once

#include "bench/table/workload.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace postern::bench {

/// Ends the benchmark with a sentence: a figure from a broken contender would be worse than none.
[[noreturn]] inline void give_up(const std::string& why) {
    std::fprintf(stderr, "bench_table: %s\n", why.c_str());
    std::exit(1);
}

/// A filled table of one kind and size.
class contender {
  public:
    virtual ~contender() = default;
    /// Copies the key's record out; false when it is not there. Inlining across this call is lost
    /// for all alike.
    virtual bool look_up(std::string_view key) = 0;
    /// Starts 10,000 changes a second from another process, or thread where nothing else is
    /// possible.
    virtual void start_writer() = 0;
    /// Stops it; how many changes a second there were.
    virtual double stop_writer() = 0;
};

/// What the file takes on its disk and the time a new writer takes to start on a full table;
/// postern's own only.
struct table_figures {
    double bytes_per_session = 0;
    double warm_start_ms = 0;
    double first_look_up_us = 0; // open as a reader and look one key up
};

[[nodiscard]] std::unique_ptr<contender> make_postern(const std::string& directory,
                                                      std::uint64_t sessions);
[[nodiscard]] table_figures measure_postern(const std::string& directory, std::uint64_t sessions);
/// boost::unordered_flat_map<std::string, record>; with `locked`, under a std::shared_mutex.
[[nodiscard]] std::unique_ptr<contender> make_flat_map(std::uint64_t sessions, bool locked);
[[nodiscard]] std::unique_ptr<contender> make_lmdb(const std::string& directory,
                                                   std::uint64_t sessions);

} // namespace postern::bench
