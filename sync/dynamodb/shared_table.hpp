// What the stores of a process share.
#pragma once

#include "sync/dynamodb/dynamodb_store.hpp"
#include "sync/dynamodb/write_units.hpp"

#include <mutex>

namespace postern::sync::dynamodb {

/// Thread-safe. Shared by the stores that it opened, whose threads end at different times.
class shared_table {
  public:
    shared_table(table_options options, lists from, const base::clock& time, base::log& log)
        : options_{std::move(options)}, from_{from}, time_{time}, log_{log} {}

    /// Errors: unavailable.
    [[nodiscard]] base::result<aws::client*> calls();
    [[nodiscard]] const table_options& options() const noexcept { return options_; }
    [[nodiscard]] lists lists_from() const noexcept { return from_; }
    [[nodiscard]] const base::clock& time() const noexcept { return time_; }
    [[nodiscard]] write_units& units() noexcept { return units_; }
    [[nodiscard]] remote_usage usage();
    /// See store.
    [[nodiscard]] std::int64_t clock_ahead_ms();

  private:
    const table_options options_;
    const lists from_;
    const base::clock& time_;
    base::log& log_;
    std::mutex mutex_;
    std::unique_ptr<aws::account> account_;
    write_units units_;
};

} // namespace postern::sync::dynamodb
