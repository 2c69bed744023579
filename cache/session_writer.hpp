// The session table as sync sees it: the only writer of routes.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "cache/activity.hpp"
#include "cache/counters.hpp"
#include "cache/route.hpp"

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace postern::cache {

class asked_keys;
class segment;

/// What `put` did.
enum class put_result {
    inserted,
    updated,
    unchanged, // the table holds this version or a newer one
    full,      // capacity reached, or no disk for a long text: refused, counted; nothing else is
               // disturbed
    bad_key,   // empty or longer than 255 bytes: refused, counted
    bad_text,  // key and session id do not fit into one slot together: refused, counted
};

/// What was found damaged while the table is in use, and what became of it.
struct mended {
    std::uint64_t words = 0;  // of header, index and activity lines: put right
    std::uint64_t routes = 0; // whose slots were damaged: taken out. Only the store has them: the
                              // checkpoint is forgotten, and synced_at is 0 until it is set again

    [[nodiscard]] bool any() const noexcept { return words != 0 || routes != 0; }
    mended& operator+=(const mended& more) noexcept {
        words += more.words;
        routes += more.routes;
        return *this;
    }
};

/// The single writer of a table. A second one on the same file is refused. Not thread-safe.
/// A death at any instruction leaves each key with its old or its new route; the next `open` takes
/// back what leaked.
class session_writer {
  public:
    /// Errors: cache::error::writer_busy, those of session_reader::open, or the system's.
    [[nodiscard]] static base::result<session_writer> open(const std::string& path);
    session_writer(session_writer&&) noexcept;
    session_writer& operator=(session_writer&&) noexcept;
    ~session_writer();

    /// Inserts, or replaces an older version. `value.activity` is ignored: the table assigns it,
    /// anew where what is replaced is older than `removed_at`, the version at which the session was
    /// last removed (0: never): that was a former one's, as if it had been removed here as well.
    put_result put(std::string_view key, const route& value, std::uint64_t removed_at = 0);
    /// Removes the key if the table's version is not newer than `version`. True: it was there and
    /// is gone.
    bool remove(std::string_view key, std::uint64_t version);

    /// Starts a mark and sweep: every key that is put (or touched) from here on survives `sweep`.
    void begin_mark();
    void mark(std::string_view key);
    /// Removes all keys not marked since `begin_mark`; how many.
    std::uint64_t sweep();

    /// Every live route. The callback must not change the table.
    void for_each(const std::function<void(std::string_view key, const route&)>& visit) const;
    /// Every live session whose activity has changed since the last call of this function by this
    /// writer; the first call visits every session that has any. Times come as workers wrote them:
    /// compare them with now before trusting them.
    void for_each_active(
        const std::function<void(std::string_view key, const route&, const activity&)>& visit);

    /// Text that belongs to the data (where the feed stands), at most 1 KiB; survives with it.
    /// Errors: no_buffer_space when larger.
    [[nodiscard]] base::result<void> set_checkpoint(std::string_view text);
    [[nodiscard]] std::string checkpoint() const;

    void beat(std::int64_t now_ms) noexcept;          // sync is alive
    void set_synced_at(std::int64_t now_ms) noexcept; // all of the store is applied
    void count(counter which, std::uint64_t by = 1) noexcept;
    /// What sync processes have counted, those before this one with it.
    [[nodiscard]] std::uint64_t counted(counter which) const noexcept;
    /// Worker numbers that asked to be rung after changes and have not taken it back. Read it after
    /// the changes that they are to be rung for: a worker that asks too late for this call sees
    /// those changes by itself.
    [[nodiscard]] std::bitset<base::limits::worker_slots> waiting_workers() const noexcept;

    /// What workers ask for. May be used by another thread than the writer.
    [[nodiscard]] asked_keys asked() const noexcept;

    /// Looks after a part of the table: bytes that were changed by nobody of ours are put right
    /// (README.md, "Damage in use"). To be called often; it does what is due since the last call.
    /// Errors: replaced (the path means another file now), and those of bringing a file that was
    /// cut short back to its size. The table is then to be given up.
    [[nodiscard]] base::result<mended> patrol(base::steady_time now);
    /// Cuts the file to nothing: whoever has it mapped ends at the next touch (SIGBUS), and opens
    /// what stands at the path when it is started again. Nothing but the destructor may be called
    /// after it. Errors: ftruncate(2)'s.
    [[nodiscard]] base::result<void> give_up();

    [[nodiscard]] std::uint64_t live() const noexcept;
    [[nodiscard]] std::uint64_t capacity() const noexcept;

  private:
    struct state;
    explicit session_writer(std::unique_ptr<state> s) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace postern::cache
