// A forked child for the tests that stop and kill: always reaped, whatever happens to the test.
#pragma once

#include <csignal>
#include <functional>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::cache {

/// Runs `body` in a child, which then exits with its result. The body must not use gtest.
class child_process {
  public:
    explicit child_process(const std::function<int()>& body) : pid_{::fork()} {
        if (pid_ == 0)
            ::_exit(body());
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    ~child_process() {
        if (pid_ > 0 && !ended_)
            kill();
    }

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] bool stopped() const { return !ended_ && WIFSTOPPED(status_); }
    [[nodiscard]] int stop_signal() const { return WSTOPSIG(status_); }
    /// Of a child that ended by itself; -1: it did not.
    [[nodiscard]] int exit_code() const {
        return ended_ && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
    }

    void kill() {
        ::kill(pid_, SIGKILL);
        while (!ended_)
            wait();
    }
    /// Until the child stops or ends.
    void wait() {
        if (::waitpid(pid_, &status_, WUNTRACED) != pid_ || WIFEXITED(status_) ||
            WIFSIGNALED(status_))
            ended_ = true;
    }
    /// One instruction of a traced child.
    void step() {
        ::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
        wait();
    }
    void go_on() {
        ::ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
        wait();
    }

  private:
    pid_t pid_;
    int status_ = 0;
    bool ended_ = false;
};

/// Called in the child: stops until the parent steps or continues it. False: tracing is not allowed
/// here.
inline bool let_parent_trace() {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
        return false;
    return ::raise(SIGSTOP) == 0;
}

/// Memory that parent and children share; zeros at first.
template <class T>
class shared_between_processes {
  public:
    shared_between_processes()
        : at_{static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {}
    shared_between_processes(const shared_between_processes&) = delete;
    shared_between_processes& operator=(const shared_between_processes&) = delete;
    ~shared_between_processes() { ::munmap(at_, sizeof(T)); }
    T& operator*() const { return *at_; }
    T* operator->() const { return at_; }

  private:
    T* at_;
};

} // namespace postern::cache
