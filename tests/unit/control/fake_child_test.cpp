// The fakes, by behaviour. They run before main and before other static objects exist: C functions
// only.
#include "fake_child.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace postern::control::test {
namespace {

constexpr unsigned life_seconds_max = 180; // no fake outlives a test run that went wrong

void nap_ms(long ms) {
    const timespec t{ms / 1000, ms % 1000 * 1'000'000};
    ::nanosleep(&t, nullptr);
}

int listen_on(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return -1;
    ::listen(fd, 64);
    return fd;
}

/// Answers each request with `status`; GET /die ends the program with status 7.
[[noreturn]] void answer_on(int fd, int status) {
    for (;;) {
        const int client = ::accept(fd, nullptr, nullptr);
        if (client < 0)
            continue;
        char request[2048] = {};
        const ssize_t n = ::read(client, request, sizeof request - 1);
        char reply[256];
        const int size = std::snprintf(reply, sizeof reply,
                                       "HTTP/1.1 %d X\r\nContent-Length: 5\r\nLocation: /else\r\n"
                                       "Connection: close\r\n\r\nhello",
                                       status);
        if (n > 0) [[maybe_unused]]
            const ssize_t sent = ::write(client, reply, static_cast<std::size_t>(size));
        ::close(client);
        if (std::strncmp(request, "GET /die", 8) == 0)
            ::_exit(7);
        if (n > 0 && std::strstr(request, "Host: localhost:") == nullptr)
            std::puts("odd host"), std::fflush(stdout);
    }
}

[[noreturn]] void serve(int port, int status) {
    const int fd = listen_on(port);
    if (fd < 0) {
        std::printf("port %d is taken\n", port);
        std::fflush(stdout);
        ::_exit(3);
    }
    answer_on(fd, status);
}

void print_surroundings() {
    char directory[4096];
    if (::getcwd(directory, sizeof directory))
        std::printf("cwd %s\n", directory);
    for (char** e = environ; *e; ++e)
        std::printf("env %s\n", *e);
    if (DIR* const fds = ::opendir("/proc/self/fd")) {
        while (const dirent* entry = ::readdir(fds))
            if (std::atoi(entry->d_name) != ::dirfd(fds))
                std::printf("fd %s\n", entry->d_name);
        ::closedir(fds);
    }
    sigset_t blocked;
    ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
    std::printf("term blocked %d group own %d stdin %zd\n", ::sigismember(&blocked, SIGTERM),
                ::getpgrp() == ::getpid(), ::read(0, directory, 1));
    std::fflush(stdout);
}

[[noreturn]] void behave(const char* behaviour, int first, int second) {
    const auto is = [&](const char* name) { return std::strcmp(behaviour, name) == 0; };
    ::alarm(life_seconds_max);
    if (is("serve"))
        serve(first, 200); // PORT
    if (is("serve_late"))
        nap_ms(second), serve(first, 200); // PORT MS
    if (is("answer"))
        serve(first, second); // PORT STATUS
    if (is("silent"))
        nap_ms(life_seconds_max * 1000), ::_exit(0);
    if (is("exit")) { // STATUS: prints, and is gone
        std::printf("starting up\n\033[31mboom:\033[0m no such site\n\n");
        std::fflush(stdout);
        ::_exit(first);
    }
    if (is("stubborn"))
        ::signal(SIGTERM, SIG_IGN), serve(first, 200); // PORT
    if (is("family")) { // PORT: a grandchild serves once another has left the group
        int has_left[2];
        if (::pipe(has_left) != 0)
            ::_exit(98);
        if (::fork() == 0) {
            ::setsid();
            ::signal(SIGTERM, SIG_IGN);
            ::alarm(life_seconds_max);
            ::close(has_left[0]), ::close(has_left[1]);
            nap_ms(life_seconds_max * 1000);
            ::_exit(0);
        }
        char nothing = 0;
        ::close(has_left[1]);
        if (::read(has_left[0], &nothing, 1) != 0)
            ::_exit(97);
        ::close(has_left[0]);
        if (::fork() == 0)
            ::alarm(life_seconds_max), serve(first, 200);
        while (::wait(nullptr) > 0) {
        }
        ::_exit(0);
    }
    if (is("chatter")) { // PORT: prints without end while it serves
        if (::fork() == 0)
            ::alarm(life_seconds_max), serve(first, 200);
        for (int line = 0;; ++line) {
            std::printf("line %d of a program that has a lot to say about very little\n", line);
            if (line % 2'000 == 0) // slow enough for a launcher that stands still for a while
                nap_ms(20);
        }
    }
    if (is("moves")) { // PORT MS: waits, then takes the next port if this one is taken
        nap_ms(second);
        int fd = listen_on(first);
        if (fd < 0)
            fd = listen_on(first + 1);
        answer_on(fd, 200);
    }
    if (is("surroundings"))
        print_surroundings(), serve(first, 200); // PORT
    ::_exit(99);
}

__attribute__((constructor)) void become_fake_child(int argc, char** argv, char**) {
    if (argc < 3 || std::strcmp(argv[1], "--fake-child") != 0)
        return;
    behave(argv[2], argc > 3 ? std::atoi(argv[3]) : 0, argc > 4 ? std::atoi(argv[4]) : 0);
}

} // namespace

std::vector<std::string> fake_child(const std::string& behaviour,
                                    const std::vector<std::string>& arguments) {
    std::vector<std::string> command{std::filesystem::read_symlink("/proc/self/exe"),
                                     "--fake-child", behaviour};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

} // namespace postern::control::test
