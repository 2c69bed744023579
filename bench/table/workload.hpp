// What all contenders are given alike: keys, records, a pace for writers, and a process to write
// in.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <sched.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace postern::bench {

constexpr std::size_t key_bytes = 41; // "acme-" and a UUID
constexpr std::uint64_t changes_per_second = 10'000;
constexpr int reader_core = 0;
constexpr int writer_core = 1;

/// What a contender that knows nothing of routes keeps for one key.
struct record {
    std::uint64_t version = 0;
    char content[120] = {};
};

inline std::uint64_t mixed(std::uint64_t n) {
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

inline void key_into(std::uint64_t number, char* to) {
    constexpr char digits[] = "0123456789abcdef";
    const std::uint64_t words[] = {mixed(number + 1), mixed(~number)};
    std::string_view{"acme-"}.copy(to, 5);
    for (std::size_t i = 0, nibble = 0; i < 36; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        to[5 + i] = dash ? '-' : digits[(words[nibble / 16] >> (nibble % 16 * 4)) & 15];
        nibble += dash ? 0 : 1;
    }
}

inline std::string key_of(std::uint64_t number) {
    std::string key(key_bytes, '\0');
    key_into(number, key.data());
    return key;
}

/// All keys of a table once, in random order, laid out one after the other: the next key is always
/// near, as a request's is, and what a look-up misses is the table's alone.
class key_stream {
  public:
    explicit key_stream(std::uint64_t count) : count_{count}, text_(count * key_bytes) {
        std::vector<std::uint32_t> order(count);
        for (std::uint64_t i = 0; i < count; ++i)
            order[i] = static_cast<std::uint32_t>(i);
        for (std::uint64_t i = count - 1; i > 0; --i)
            std::swap(order[i], order[mixed(i) % (i + 1)]);
        for (std::uint64_t i = 0; i < count; ++i)
            key_into(order[i], text_.data() + i * key_bytes);
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::string_view operator[](std::uint64_t i) const {
        return {text_.data() + i * key_bytes, key_bytes};
    }

  private:
    std::uint64_t count_;
    std::vector<char> text_;
};

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
