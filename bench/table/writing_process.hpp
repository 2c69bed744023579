// Writers beside the measured reader: a pace that is the same for all, and a process to write in.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <functional>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::bench {

constexpr std::uint64_t changes_per_second = 10'000;
constexpr int reader_core = 0;
constexpr int writer_core = 1;

inline void pin_to(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

/// Calls `batch` a thousand times a second for 10 changes each, until `stop`; `done` counts
/// changes.
inline void keep_pace(const std::function<void(std::uint64_t first, std::uint64_t count)>& batch,
                      const std::atomic<bool>& stop, std::atomic<std::uint64_t>& done) {
    timespec next = {};
    ::clock_gettime(CLOCK_MONOTONIC, &next);
    while (!stop.load(std::memory_order_relaxed)) {
        batch(done, changes_per_second / 1000);
        done += changes_per_second / 1000;
        next.tv_nsec += 1'000'000;
        if (next.tv_nsec >= 1'000'000'000) {
            next.tv_nsec -= 1'000'000'000;
            ++next.tv_sec;
        }
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
    }
}

/// A process that writes at the common pace on the writers' core until this goes.
class writing_process {
  public:
    using batch = std::function<void(std::uint64_t first, std::uint64_t count)>;

    /// `open` runs in the child and gives what to do for each batch.
    explicit writing_process(const std::function<batch()>& open)
        : shared_{static_cast<shared*>(::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent)
                ::_exit(0);
            pin_to(writer_core);
            const batch write = open();
            if (write)
                keep_pace(write, shared_->stop, shared_->done);
            ::_exit(write ? 0 : 1);
        }
        while (shared_->done == 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0)
            ::usleep(1000);
        from_ = shared_->done;
        began_ = std::chrono::steady_clock::now();
    }
    writing_process(const writing_process&) = delete;
    writing_process& operator=(const writing_process&) = delete;
    ~writing_process() {
        shared_->stop = true;
        ::waitpid(pid_, nullptr, 0);
        ::munmap(shared_, sizeof(shared));
    }
    [[nodiscard]] double changes_a_second() const {
        const std::chrono::duration<double> past = std::chrono::steady_clock::now() - began_;
        return static_cast<double>(shared_->done - from_) / past.count();
    }

  private:
    struct shared {
        std::atomic<bool> stop;
        std::atomic<std::uint64_t> done;
    };
    shared* shared_;
    pid_t pid_ = -1;
    std::uint64_t from_ = 0;
    std::chrono::steady_clock::time_point began_;
};

} // namespace postern::bench
