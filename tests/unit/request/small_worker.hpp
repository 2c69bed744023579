// A worker's services over a table with one active session, and a target for it, in one process.
#pragma once

#include "cache/segment.hpp"
#include "cache/session_writer.hpp"
#include "edge/request/exchange.hpp"
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <list>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace postern::edge::testing {

/// Listens on a free port of the loopback, with a thread for each connection.
class target {
  public:
    using conversation = void (*)(int connection);

    explicit target(conversation talk)
        : talk_{talk}, listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        EXPECT_EQ(::bind(listening_.get(), address, size), 0);
        EXPECT_EQ(::listen(listening_.get(), 16), 0);
        EXPECT_EQ(::getsockname(listening_.get(), address, &size), 0);
        port = ntohs(where.sin_port);
        accepting_ = std::jthread{[this] { accept_all(); }};
    }
    target(const target&) = delete;
    target& operator=(const target&) = delete;
    /// Requires: its connections have been closed at the other end.
    ~target() { ::shutdown(listening_.get(), SHUT_RDWR); }

    std::uint16_t port = 0;

  private:
    void accept_all() {
        for (;;) {
            base::unique_fd peer{::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (!peer)
                return;
            threads_.emplace_back([talk = talk_, own = std::move(peer)] { talk(own.get()); });
        }
    }
    conversation talk_;
    base::unique_fd listening_;
    std::list<std::jthread> threads_;
    std::jthread accepting_;
};

/// The system's, and a second later at each look where a test is in a hurry.
class worker_clock final : public base::clock {
  public:
    [[nodiscard]] base::wall_time wall() const noexcept override {
        ahead_ += is_in_a_hurry ? std::chrono::seconds{1} : std::chrono::seconds{0};
        return system_.wall() + ahead_;
    }
    [[nodiscard]] base::steady_time steady() const noexcept override { return system_.steady(); }

    bool is_in_a_hurry = false;

  private:
    base::system_clock system_;
    mutable std::chrono::milliseconds ahead_{0};
};

/// Sessions: "one", active at `port`. Files of the location /static/ are in `folder`.
class small_worker {
  public:
    small_worker(event_loop& loop, std::uint16_t port)
        : folder{made_folder()}, conf{loaded(folder)}, table_{filled(folder, port)},
          upstreams{loop, conf.timeouts, conf.limits, table_}, waiting_{loop, table_}, index_{conf},
          nowhere_{::open("/dev/null", O_WRONLY | O_CLOEXEC)},
          access_{nowhere_.get(), access_log_format::combined}, lent{.loop = loop,
                                                                     .conf = conf,
                                                                     .time = time_,
                                                                     .log = log_,
                                                                     .table = table_,
                                                                     .blocks = blocks_,
                                                                     .scratch = scratch_,
                                                                     .answer = answer_,
                                                                     .pipes = pipes_,
                                                                     .upstreams = upstreams,
                                                                     .waiting = waiting_,
                                                                     .index = index_,
                                                                     .access = &access_,
                                                                     .control_token = {},
                                                                     .pages = {},
                                                                     .built_in_pages = {},
                                                                     .tunnels = {},
                                                                     .in_flight = {},
                                                                     .idle = {}} {}
    ~small_worker() { std::filesystem::remove_all(folder); }
    small_worker(const small_worker&) = delete;
    small_worker& operator=(const small_worker&) = delete;

    void hurry() { time_.is_in_a_hurry = true; }

    std::filesystem::path folder;
    settings conf;

  private:
    static std::filesystem::path made_folder() {
        std::string name = std::filesystem::temp_directory_path() / "postern_worker_XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        return name;
    }
    static settings loaded(const std::filesystem::path& folder) {
        return parse_settings("session_table t capacity=100; store sqlite s.db; route_key "
                              "{threadId}; control { token_file token; }"
                              "server { listen 127.0.0.1:8080;"
                              "location /session/{threadId}/ { session; dev_server vite; }"
                              "location /static/ { static " +
                                  folder.string() + "; } }",
                              folder.string() + "/p.conf")
            .value();
    }
    static cache::session_reader filled(const std::filesystem::path& folder, std::uint16_t port) {
        const std::string path = folder.string() + "/t";
        EXPECT_TRUE(cache::prepare(path, 100));
        auto writer = cache::session_writer::open(path);
        cache::route active;
        active.state = cache::route_state::active;
        active.version = 1;
        active.target = base::ip_endpoint::parse("127.0.0.1:" + std::to_string(port)).value();
        active.set_text("one", "");
        EXPECT_EQ(writer->put("one", active), cache::put_result::inserted);
        return std::move(*cache::session_reader::open(path, 0));
    }

    worker_clock time_;
    base::log log_{STDERR_FILENO, base::log_level::warn, "test", time_};
    cache::session_reader table_;
    block_pool blocks_;
    std::vector<char> scratch_ = std::vector<char>(block_pool::block_bytes);
    response_head answer_;
    pipe_pool pipes_;

  public:
    upstream_pool upstreams;

  private:
    waiting_room waiting_;
    location_index index_;
    base::unique_fd nowhere_;
    access_log access_;

  public:
    services lent;
};

} // namespace postern::edge::testing
