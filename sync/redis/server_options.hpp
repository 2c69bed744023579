// Which Redis or Valkey server there is, and how long it may take.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace postern::sync::redis {

struct server_options {
    std::string host; // a name or an address, without brackets; empty: `socket_path`
    std::uint16_t port = 6379;
    std::string socket_path;
    bool is_tls = false;
    std::string ca_file; // of TLS; empty: the system's
    unsigned database = 0;
    std::string user; // empty: the standard one
    std::string password;
    /// Instead of `password`: its first line, read anew for each connection.
    std::string password_file;

    std::chrono::milliseconds connect_timeout{3'000};
    std::chrono::milliseconds call_timeout{5'000}; // besides what a call says that it waits
    // Of one answer: no server of ours sends more, and what is read is held in memory.
    std::size_t answer_bytes_max = 64U << 20;
    std::size_t answer_parts_max = 1U << 18;
};

/// "redis 10.0.0.7:6379", for messages: no secret.
[[nodiscard]] std::string name_of(const server_options& options);

} // namespace postern::sync::redis
