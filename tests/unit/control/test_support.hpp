// What the tests of this folder share: a folder that goes away, ports, and who is still running.
#pragma once

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text_template.hpp"
#include "base/unique_fd.hpp"
#include "control/control_worker.hpp"
#include "control/launch/proc_files.hpp"
#include "fake_child.hpp"

#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace postern::control::test {

using namespace std::chrono_literals;

class temporary_folder {
  public:
    temporary_folder() {
        std::string name = std::filesystem::temp_directory_path() / "postern-control-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// A bound and listening socket on 127.0.0.1; port 0: any.
struct listening_socket {
    base::unique_fd fd;
    std::uint16_t port = 0;
};
inline listening_socket listen_on(std::uint16_t port) {
    listening_socket made{base::unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, port};
    const int on = 1;
    ::setsockopt(made.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(made.fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(made.fd.get(), 64) != 0 ||
        ::getsockname(made.fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        made.fd.reset();
    made.port = ntohs(address.sin_port);
    return made;
}

/// The first of `count` ports in a row that nothing holds now.
inline std::uint16_t free_ports(unsigned count) {
    // Away from the ephemeral range, and another place in each process, so that parallel runs do
    // not meet.
    static std::uint16_t next = static_cast<std::uint16_t>(20'000 + ::getpid() % 100 * 100);
    for (;;) {
        bool all_free = true;
        for (unsigned i = 0; i < count; ++i)
            all_free =
                all_free && static_cast<bool>(listen_on(static_cast<std::uint16_t>(next + i)).fd);
        const std::uint16_t first = next;
        next = static_cast<std::uint16_t>(next + count);
        if (next > 31'000)
            next = 20'000;
        if (all_free)
            return first;
    }
}

/// Looks every few milliseconds until `is_true` or the time is over.
inline bool eventually(const std::function<bool()>& is_true,
                       std::chrono::milliseconds within = 30s) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (!is_true()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        ::usleep(5000);
    }
    return true;
}

/// Living processes that were started under this instance's mark.
inline std::vector<marked_process> survivors(const std::string& instance) {
    return marked_processes(instance + "#");
}

inline base::text_template text(std::string_view t) {
    return base::text_template::parse(t).value();
}
inline std::vector<base::text_template> command(const std::vector<std::string>& words) {
    std::vector<base::text_template> out;
    for (const std::string& w : words)
        out.push_back(text(w));
    return out;
}

inline base::log& quiet_log() {
    static const base::system_clock time;
    // POSTERN_TEST_LOG=1 shows what the code under test says.
    static base::log log{
        2, ::getenv("POSTERN_TEST_LOG") ? base::log_level::debug : base::log_level::crit, "test",
        time};
    return log;
}

/// What is logged, to be read again.
class kept_log {
  public:
    base::log& log() { return log_; }
    [[nodiscard]] std::string text() const { return base::read_file(path_, 1 << 20).value(); }
    /// How many times `words` stand in it.
    [[nodiscard]] int count(std::string_view words) const {
        const std::string all = text();
        int found = 0;
        for (std::size_t at = 0; (at = all.find(words, at)) != std::string::npos; ++at)
            ++found;
        return found;
    }

  private:
    temporary_folder folder_;
    std::string path_ = folder_.path() + "/log";
    base::unique_fd fd_{::open(path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)};
    base::system_clock time_;
    base::log log_{fd_.get(), base::log_level::debug, "test", time_};
};

inline sync::session session_named(const std::string& id) {
    sync::session s;
    s.session_id = id;
    s.client_id = "acme";
    s.user_id = "scott";
    s.thread_id = id;
    s.route_key = "acme-" + id;
    return s;
}

} // namespace postern::control::test
