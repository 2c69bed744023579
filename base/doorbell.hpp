// A bell between two processes: an eventfd made before the fork, so that both ends know it by
// number.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace postern::base {

/// Rings are merged: any number before the listener wakes count as one. Ringing never blocks.
/// Thread-safe. Whoever listens polls `fd()` for reading, then calls `silence()`, then looks.
class doorbell {
  public:
    /// Errors: EMFILE, ENFILE, ENOMEM from eventfd(2).
    [[nodiscard]] static result<doorbell> make();
    /// A doorbell that nobody hears, for tools and tests.
    doorbell() = default;

    void ring() const noexcept;
    /// Takes back all rings so far.
    void silence() const noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  private:
    explicit doorbell(unique_fd fd) : fd_{std::move(fd)} {}
    unique_fd fd_;
};

} // namespace postern::base
