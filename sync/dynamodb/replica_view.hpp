// This host's replica, as a store over the remote table uses it: read for lists, told of what was
// written. It comes and goes with the sync process; without it, single records still work.
#pragma once

#include "sync/dynamodb/session_items.hpp"
#include "sync/store/store.hpp"

#include <memory>

namespace postern::sync::dynamodb {

/// Not thread-safe.
class replica_view {
  public:
    replica_view(replica_options options, const base::clock& time)
        : options_{std::move(options)}, time_{time} {}

    /// `read` with the replica as a store. Errors: unavailable, where there is none, or its first
    /// snapshot is still being read; then the next call opens it anew.
    template <class Read>
    [[nodiscard]] auto with(Read read) -> decltype(read(std::declval<store&>())) {
        if (auto opened = open(); !opened)
            return opened.error();
        auto got = read(*store_);
        if (!got && got.error().code == store_error::unavailable)
            close();
        return got;
    }
    /// `act` with the replica's writer, which is opened anew after an error: the file may be
    /// another one by then. Errors: those of both.
    template <class Act>
    [[nodiscard]] auto with_writer(Act act) -> decltype(act(std::declval<replica_writer&>())) {
        const auto by = writer();
        if (!by)
            return by.error();
        auto done = act(**by);
        if (!done)
            close();
        return done;
    }
    /// As `with`, and the records' versions are `token_of`.
    [[nodiscard]] base::result<void> set_tokens(std::vector<session>& records);
    [[nodiscard]] base::result<void> set_token(session& record);

    /// Before a write to the table; nothing: there is no replica.
    [[nodiscard]] std::optional<std::uint64_t> mark();
    /// Where there is no replica, or it cannot be written, the feed will bring it.
    void wrote(const session_item& item, std::optional<std::uint64_t> since);
    void removed(const session_item& item, std::optional<std::uint64_t> since);

    /// The open store, or nullptr.
    [[nodiscard]] store* opened() const noexcept { return store_.get(); }

  private:
    [[nodiscard]] base::result<void> open();
    [[nodiscard]] base::result<replica_writer*> writer();
    void close();

    const replica_options options_;
    const base::clock& time_;
    std::unique_ptr<store> store_;
    std::unique_ptr<replica_writer> writer_;
};

} // namespace postern::sync::dynamodb
