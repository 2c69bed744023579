// Store connections for the HTTP threads: one lock, and as many connections as threads use at one
// time.
#pragma once

#include "control/store_health.hpp"
#include "sync/store/store.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace postern::control {

/// Thread-safe. A connection is used by one thread at a time.
class store_pool {
  public:
    /// `health` outlives this; it is told of what fails.
    store_pool(sync::open_store open, store_health& health)
        : open_{std::move(open)}, health_{&health} {}

    /// A connection for as long as it lives; then it goes back, unless it was given up.
    class lease {
      public:
        lease(store_pool& from, std::unique_ptr<sync::store> store)
            : from_{&from}, store_{std::move(store)} {}
        lease(lease&& other) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease() {
            if (store_)
                from_->put_back(std::move(store_));
        }
        [[nodiscard]] sync::store& operator*() const { return *store_; }
        [[nodiscard]] sync::store* operator->() const { return store_.get(); }
        /// It does not work any more: the next one is opened anew.
        void give_up(const base::failure& why) {
            store_.reset();
            from_->health_->failed(why);
        }

      private:
        store_pool* from_;
        std::unique_ptr<sync::store> store_;
    };

    /// Errors: those of opening the store.
    [[nodiscard]] base::result<lease> take() {
        {
            const std::scoped_lock hold{lock_};
            if (!idle_.empty()) {
                std::unique_ptr<sync::store> store = std::move(idle_.back());
                idle_.pop_back();
                return lease{*this, std::move(store)};
            }
        }
        auto opened = open_();
        if (!opened) {
            health_->failed(opened.error());
            return opened.error();
        }
        return lease{*this, std::move(*opened)};
    }

    [[nodiscard]] const store_health& health() const noexcept { return *health_; }

  private:
    void put_back(std::unique_ptr<sync::store> store) {
        const std::scoped_lock hold{lock_};
        idle_.push_back(std::move(store));
    }

    sync::open_store open_;
    store_health* health_;
    std::mutex lock_;
    std::vector<std::unique_ptr<sync::store>> idle_;
};

} // namespace postern::control
