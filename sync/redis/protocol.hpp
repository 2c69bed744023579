// The Redis protocol (RESP2), by hiredis: commands as bytes, and bytes as replies.
#pragma once

#include "base/error.hpp"
#include "sync/redis/reply.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::sync::redis {

[[nodiscard]] std::string command_of(std::span<const std::string_view> words);

/// Makes replies of bytes as they come in. Not thread-safe.
class reply_reader {
  public:
    struct limits {
        std::size_t bytes_max;
        std::size_t parts_max;
    };
    explicit reply_reader(limits bounds);
    ~reply_reader();
    reply_reader(const reply_reader&) = delete;
    reply_reader& operator=(const reply_reader&) = delete;

    /// Errors: strange, too_large; then the connection is of no more use, nor is the reader.
    [[nodiscard]] base::result<void> feed(std::string_view bytes);
    /// Nothing: more bytes are needed. Errors: as above.
    [[nodiscard]] base::result<std::optional<reply>> next();

  private:
    class tree;
    std::unique_ptr<tree> tree_;
};

} // namespace postern::sync::redis
