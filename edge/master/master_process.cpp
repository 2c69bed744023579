// What the master does with its children: generations and orders.
#include "edge/master/master_process.hpp"

#include "edge/master/child_process.hpp"
#include "edge/master/reload.hpp"
#include "edge/settings/settings_loader.hpp"

#include <fmt/format.h>

#include <csignal>
#include <sys/socket.h>

namespace postern::edge {

std::optional<int> master_process::carry_out() {
    for (;;) {
        const std::vector<action> actions = supervisor_.take_actions();
        if (actions.empty())
            return std::nullopt;
        for (const action& a : actions) {
            switch (a.what) {
            case action::kind::spawn:
                spawn(a.id);
                break;
            case action::kind::order:
                give_order(a);
                break;
            case action::kind::kill:
                if (const child* c = supervisor_.find(a.id); c != nullptr && c->pid > 0) {
                    log_.warn("{} (process {}) does not leave: SIGKILL", name_of(c->what), c->pid);
                    ::kill(c->pid, SIGKILL);
                }
                break;
            case action::kind::adopt:
                adopt();
                break;
            case action::kind::discard:
                discard();
                break;
            case action::kind::finish:
                log_.notice("stopped");
                return a.exit_code;
            }
        }
    }
}

void master_process::next_generation() {
    const wanted what = std::exchange(wanted_, wanted::nothing);
    if (supervisor_.stopping())
        return;
    settings conf = current_->conf;
    if (what == wanted::reload) {
        auto loaded = load_settings(conf_file_);
        if (!loaded)
            return log_.error("reload refused, the running conf stays: {}", loaded.error().text());
        conf = std::move(*loaded);
        for (const std::string& sentence : carry_over(current_->conf, conf))
            log_.warn("reload: {}", sentence);
    }
    const std::uint32_t workers = conf.workers;
    std::vector<std::string> news;
    auto next = make_generation(std::move(conf), current_.get(), listeners_, who_, {}, news);
    if (!next) {
        listeners_.keep(current_->addresses, current_->conf.workers);
        return log_.error("reload refused, the running conf stays: {}", next.error().text());
    }
    // Before the fork: what waits at the sockets that will go has the whole trial to be accepted by
    // the old workers.
    if (workers < current_->conf.workers)
        listeners_.steer(workers);
    candidate_ = std::move(*next);
    if (!supervisor_.reload(workers, supervisor_limits_of(candidate_->conf), time_.steady())) {
        log_.notice("reload waits until older workers have left");
        wanted_ = what;
        discard();
        return;
    }
    for (const std::string& sentence : news)
        log_.notice("{}", sentence);
}

void master_process::adopt() {
    current_ = std::move(candidate_);
    log_ = base::log{current_->logs.error_fd(), current_->conf.error_level, "master", time_};
    listeners_.keep(current_->addresses, current_->conf.workers);
    listeners_.steer(0);
    log_.notice("generation {} of {} is the current one", supervisor_.generation(),
                current_->conf.file);
}

void master_process::discard() {
    candidate_.reset();
    listeners_.keep(current_->addresses, current_->conf.workers);
    listeners_.steer(0);
    if (wanted_ == wanted::nothing && !supervisor_.stopping())
        log_.error("reload taken back, the running conf stays: a worker could not live with the "
                   "new one");
}

void master_process::spawn(std::uint32_t id) {
    const child* const c = supervisor_.find(id);
    if (c == nullptr)
        return;
    const bool is_worker = c->what == role::worker;
    const generation& gen =
        c->generation > supervisor_.generation() && candidate_ ? *candidate_ : *current_;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        log_.error("{}", base::failure{base::last_errno(), "no socket for orders"}.text());
        return supervisor_.spawn_failed(id, time_.steady());
    }
    base::unique_fd ours{ends[0]};
    const base::unique_fd theirs{ends[1]};

    child_duty duty;
    duty.title = is_worker ? fmt::format("worker {}", c->position) : std::string{name_of(c->what)};
    const std::string log_name = is_worker ? fmt::format("worker/{}", c->position) : duty.title;
    duty.who = who_;
    // Sync still writes back what was counted, control leaves its containers to the next one: both
    // see the end of file.
    duty.killed_with_master = is_worker;
    duty.stays_unprivileged = c->what != role::control;
    duty.keep = {theirs.get(), gen.logs.error_fd(), bells_.sync.fd()};
    worker_inheritance inheritance{.conf = gen.conf,
                                   .slot = c->process_slot,
                                   .routes_changed = bells_.workers.at(c->process_slot),
                                   .control_token = gen.token,
                                   .access_log_fd = gen.logs.access_fd(),
                                   .order_fd = theirs.get()};
    const int control_listener = gen.control_listener->get();
    switch (c->what) {
    case role::sync:
        for (const base::doorbell& bell : bells_.workers)
            duty.keep.push_back(bell.fd());
        break;
    case role::control:
        duty.keep.push_back(control_listener);
        break;
    case role::worker:
        inheritance.listeners = listeners_.of_position(gen.addresses, c->position);
        inheritance.routes_changed.silence();
        duty.keep.push_back(inheritance.routes_changed.fd());
        duty.keep.push_back(gen.logs.access_fd());
        duty.keep.insert(duty.keep.end(), inheritance.listeners.begin(),
                         inheritance.listeners.end());
        break;
    }
    duty.run = [&] {
        base::log log = base::log{gen.logs.error_fd(), gen.conf.error_level, log_name, time_};
        switch (c->what) {
        case role::sync:
            return run_sync(gen.conf, bells_, theirs.get(), time_, log);
        case role::control:
            return run_control(gen.conf, gen.token, control_listener, bells_, theirs.get(), time_,
                               log);
        case role::worker:
            return run_worker(inheritance, time_, log);
        }
        return 1;
    };
    const auto pid = fork_child(duty);
    if (!pid) {
        log_.error("{}", pid.error().text());
        return supervisor_.spawn_failed(id, time_.steady());
    }
    orders_[id] = std::move(ours);
    supervisor_.spawned(id, *pid, time_.steady());
    log_.info("started {} as process {}, generation {}", log_name, *pid, c->generation);
}

void master_process::give_order(const action& what) {
    const auto at = orders_.find(what.id);
    if (at == orders_.end())
        return;
    // One byte into an empty buffer: it fails only when the child is gone, which SIGCHLD will tell.
    [[maybe_unused]] const auto sent =
        ::send(at->second.get(), &what.order, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace postern::edge
