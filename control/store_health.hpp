// What this process knows of the store beyond its last answer: a store that can be read and not
// written (full, locked) looks well to whoever only reads.
#pragma once

#include "sync/store/store.hpp"

#include <mutex>
#include <string>

namespace postern::control {

/// Whoever finds that the store fails says so here; the lifecycle then tries to write until it can,
/// and says that. So nobody else needs to write to know, and a store that nobody uses is found well
/// again. Thread-safe.
class store_health {
  public:
    /// The first reason stays until `worked`: it is the one in the log. A store that is yet to be
    /// loaded has not failed, and says itself what it waits for: what failed before is no more.
    void failed(const base::failure& why) {
        const std::scoped_lock hold{lock_};
        if (why.code == sync::store_error::loading)
            why_.clear();
        else if (why_.empty())
            why_ = why.text();
    }
    /// A write has just worked.
    void worked() {
        const std::scoped_lock hold{lock_};
        why_.clear();
    }
    /// Empty: nothing is wrong.
    [[nodiscard]] std::string why() const {
        const std::scoped_lock hold{lock_};
        return why_;
    }

  private:
    mutable std::mutex lock_;
    std::string why_;
};

} // namespace postern::control
