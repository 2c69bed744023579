// Pipes that bytes pass through from socket to socket without being seen: splice(2).
#pragma once

#include "base/unique_fd.hpp"

#include <cstddef>
#include <vector>

namespace postern::edge {

/// An empty pipe on loan, or none; goes back to its pool, which must outlive it.
class lent_pipe;

/// At most `pipes_max` pipes, because the kernel counts the pages of a user's pipes
/// (fs.pipe-user-pages-soft); who gets none copies. Not thread-safe.
class pipe_pool {
  public:
    static constexpr std::size_t pipes_max = 32;
    static constexpr std::size_t pipe_bytes = 512UL * 1024;

    struct ends {
        base::unique_fd out, in; // read end, write end
    };

    [[nodiscard]] lent_pipe lend();

  private:
    friend class lent_pipe;
    std::vector<ends> idle_;
    std::size_t made_ = 0; // and not closed
};

class lent_pipe {
  public:
    lent_pipe() noexcept = default;
    lent_pipe(pipe_pool& pool, pipe_pool::ends&& ends) noexcept
        : pool_{&pool}, ends_{std::move(ends)} {}
    lent_pipe(lent_pipe&&) noexcept = default;
    lent_pipe& operator=(lent_pipe&&) = delete;
    ~lent_pipe();

    explicit operator bool() const noexcept { return static_cast<bool>(ends_.out); }
    [[nodiscard]] int out() const noexcept { return ends_.out.get(); }
    [[nodiscard]] int in() const noexcept { return ends_.in.get(); }
    /// Bytes are left in it: it cannot be used again.
    void give_up() noexcept { given_up_ = true; }

  private:
    pipe_pool* pool_ = nullptr;
    pipe_pool::ends ends_;
    bool given_up_ = false;
};

} // namespace postern::edge
