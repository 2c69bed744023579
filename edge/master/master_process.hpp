// The master at work: one thread, one poll loop over a signalfd; carries out what the supervisor
// says.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "edge/limits/shared_limits.hpp"
#include "edge/master/child_process.hpp"
#include "edge/master/generation.hpp"
#include "edge/master/pid_file.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/roles.hpp"
#include "edge/master/supervisor.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::edge {

/// Invariant: `current_` is a generation that has been good; `candidate_` is one on trial, or none.
class master_process {
  public:
    explicit master_process(std::string conf_file);

    /// Until told to stop; the exit code.
    [[nodiscard]] int run();

  private:
    enum class wanted { nothing, reload, reopen };

    [[nodiscard]] base::result<void> start(settings conf);
    [[nodiscard]] int loop();
    [[nodiscard]] std::optional<int> carry_out();
    void read_signals();
    void take_signal(int number, int sender);
    void reap();
    void log_end(const child& c, child_end how);
    void next_generation();
    void adopt();
    void discard();
    void spawn(std::uint32_t id);
    [[nodiscard]] child_duty worker_duty(const child& c, const generation& gen, int order_fd) const;
    [[nodiscard]] child_duty other_duty(const child& c, const generation& gen, int order_fd);
    void forget_secrets();
    void rotate_tickets();
    void tell_doubts_of_tls();
    [[nodiscard]] std::optional<base::steady_time> wake_at() const;
    void check_open_files();
    void give_order(const action& what);
    [[nodiscard]] bool wait_a_little();

    std::string conf_file_;
    base::system_clock time_;
    base::log log_;
    supervisor supervisor_;
    base::unique_fd signals_;
    pid_file pid_file_;
    std::optional<identity> who_;
    doorbells bells_;
    std::optional<shared_limits> limits_; // from the start to the end, over all generations
    ticket_keys tickets_;
    base::steady_time tickets_made_{};
    listener_set listeners_;
    std::unique_ptr<generation> current_;
    std::unique_ptr<generation> candidate_;
    std::uint64_t current_number_ = 1;
    std::map<std::uint32_t, base::unique_fd> orders_; // by child id: the master's end
    wanted wanted_ = wanted::nothing;
    unsigned tries_left_ = 0;
};

} // namespace postern::edge
