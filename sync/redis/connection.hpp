// A connection to a Redis server, one command after another.
#pragma once

#include "base/doorbell.hpp"
#include "base/error.hpp"
#include "sync/redis/byte_stream.hpp"
#include "sync/redis/protocol.hpp"
#include "sync/redis/redis_error.hpp"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync::redis {

/// A Lua script, which Redis runs as one: all of it or, where it refuses at its beginning, nothing.
struct script {
    std::string_view text;
    std::string sha1; // of the text, hex: what Redis knows it by
    explicit script(std::string_view of);
};

/// What feeds need of a server; in tests, a script. Not thread-safe. After an error the connection
/// is given up, and another is opened.
class server {
  public:
    virtual ~server() = default;
    /// The answer, never one of kind error. `waits` is how long the server itself may let it wait.
    /// Errors: redis_error.
    [[nodiscard]] virtual base::result<reply> call(std::span<const std::string_view> words,
                                                   std::chrono::milliseconds waits) = 0;

    [[nodiscard]] base::result<reply>
    call(std::initializer_list<std::string_view> words,
         std::chrono::milliseconds waits = std::chrono::milliseconds{0}) {
        return call(std::span{words.begin(), words.size()}, waits);
    }
    /// Runs it, and teaches it to the server where that does not know it.
    [[nodiscard]] base::result<reply> run(const script& which, const std::vector<std::string>& keys,
                                          const std::vector<std::string>& arguments);
};

/// Made anew after each failure.
using open_server = std::function<base::result<std::unique_ptr<server>>()>;

/// Connects, shows the password and chooses the database. A stop ends calls on their way. Errors:
/// redis_error.
[[nodiscard]] base::result<std::unique_ptr<server>> connect(const server_options& to,
                                                            const std::stop_token& stop);

} // namespace postern::sync::redis
