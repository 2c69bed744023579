#include "sync/aws/child_output.hpp"

#include "base/check.hpp"
#include "base/unique_fd.hpp"
#include "sync/aws/aws_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>

extern char** environ;

namespace postern::sync::aws {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_every{20}; // at the stop token, and for its end

/// A child in a process group of its own; killed and reaped with this object.
class child {
  public:
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    explicit child(pid_t pid) : pid_{pid} {}
    ~child() {
        if (!has_ended_) {
            ::kill(-pid_, SIGKILL);
            while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }
    /// Its wait status, once it has ended.
    std::optional<int> ended() {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_)
            return std::nullopt;
        has_ended_ = true;
        return status;
    }

  private:
    pid_t pid_;
    bool has_ended_ = false;
};

/// Its pid, or the errno of why it was not started.
struct started {
    pid_t pid = -1;
    int problem = 0;
};

started start(const std::vector<std::string>& words, int output) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str())); // execve(2) leaves them as they are
    arguments.push_back(nullptr);

    ::posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes,
        static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
    started result;
    result.problem =
        ::posix_spawnp(&result.pid, arguments[0], &files, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return result;
}

base::failure unusable_child(std::string_view name, std::string_view why) {
    return {aws_error::misconfigured, fmt::format("{} {}", name, why)};
}

} // namespace

std::optional<std::vector<std::string>> words_of(std::string_view command_line) {
    std::vector<std::string> words;
    bool is_in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < command_line.size(); ++i) {
        const char c = command_line[i];
        const bool is_blank = c == ' ' || c == '\t';
        if (quote == '\0' && is_blank) {
            is_in_word = false;
            continue;
        }
        if (!is_in_word) {
            words.emplace_back();
            is_in_word = true;
        }
        if (c == '\\' && quote != '\'' && i + 1 < command_line.size())
            words.back() += command_line[++i];
        else if (quote == '\0' && (c == '\'' || c == '"'))
            quote = c;
        else if (quote == c)
            quote = '\0';
        else
            words.back() += c;
    }
    if (quote != '\0')
        return std::nullopt;
    return words;
}

base::result<std::string> output_of(const std::vector<std::string>& words,
                                    const child_limits& limits, const std::stop_token& stop) {
    POSTERN_CHECK(!words.empty());
    const std::string& name = words.front();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return base::failure{aws_error::down, "pipe: " + base::last_errno().message()};
    const base::unique_fd reading{ends[0]};
    base::unique_fd writing{ends[1]};
    const started begun = start(words, writing.get());
    if (begun.problem != 0)
        return unusable_child(
            name, "cannot be run: " +
                      base::error_code{begun.problem, boost::system::system_category()}.message());
    writing.reset();
    child running{begun.pid};

    const auto ends_at = clock::now() + limits.time;
    const auto too_late = [&]() -> std::optional<base::failure> {
        if (stop.stop_requested())
            return base::failure{aws_error::cancelled, name};
        if (clock::now() < ends_at)
            return std::nullopt;
        return base::failure{
            aws_error::down,
            fmt::format("{} was killed: it took longer than {} ms", name, limits.time.count())};
    };
    std::string output;
    for (bool is_open = true; is_open;) {
        if (auto why = too_late())
            return std::move(*why);
        ::pollfd ready{reading.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(look_every.count())) <= 0)
            continue;
        char chunk[4096];
        const ssize_t n = ::read(reading.get(), chunk, sizeof chunk);
        is_open = n > 0 || (n < 0 && errno == EINTR);
        output.append(chunk, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (output.size() > limits.output_bytes_max)
            return unusable_child(name,
                                  fmt::format("wrote more than {} bytes", limits.output_bytes_max));
    }
    std::optional<int> status;
    while (!(status = running.ended())) {
        if (auto why = too_late())
            return std::move(*why);
        std::this_thread::sleep_for(std::chrono::milliseconds{1}); // its output is at its end
    }
    if (WIFSIGNALED(*status))
        return unusable_child(name, fmt::format("was ended by signal {}", WTERMSIG(*status)));
    if (WEXITSTATUS(*status) != 0)
        return unusable_child(name, fmt::format("ended with status {}", WEXITSTATUS(*status)));
    return output;
}

} // namespace postern::sync::aws
