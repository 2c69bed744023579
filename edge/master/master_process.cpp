// What the master does with its children: generations and orders.
#include "edge/master/master_process.hpp"

#include "edge/master/open_files.hpp"
#include "edge/master/reload.hpp"
#include "edge/settings/settings_loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <sys/socket.h>

namespace postern::edge {
namespace {

std::string log_name_of(const child& c) {
    if (c.what != role::worker)
        return std::string{name_of(c.what)};
    return fmt::format("worker/{}", c.position);
}

} // namespace

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
        // An editor or a copy in progress leaves an empty file for a moment, which is a conf as
        // well.
        if (loaded->servers.empty() && !current_->conf.servers.empty())
            return log_.error("reload refused, the running conf stays: {} has no server block; "
                              "restart postern if that is meant",
                              loaded->file);
        conf = std::move(*loaded);
        for (const std::string& sentence : carry_over(current_->conf, conf))
            log_.warn("reload: {}", sentence);
    }
    const std::uint32_t workers = conf.workers;
    std::vector<std::string> news;
    auto next =
        make_generation(std::move(conf), current_.get(), listeners_, tickets_, who_, {}, news);
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
    ++current_number_;
    log_ = base::log{current_->logs.error_fd(), current_->conf.error_level, "master", time_};
    listeners_.keep(current_->addresses, current_->conf.workers);
    listeners_.steer(current_->conf.workers);
    check_open_files();
    tell_doubts_of_tls();
    log_.notice("generation {} of {} is the current one", supervisor_.generation(),
                current_->conf.file);
}

void master_process::discard() {
    candidate_.reset();
    listeners_.keep(current_->addresses, current_->conf.workers);
    listeners_.steer(current_->conf.workers);
}

void master_process::spawn(std::uint32_t id) {
    const child* const c = supervisor_.find(id);
    if (c == nullptr)
        return;
    const generation& gen = c->generation > current_number_ && candidate_ ? *candidate_ : *current_;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        log_.error("{}", base::failure{base::last_errno(), "no socket for orders"}.text());
        return supervisor_.spawn_failed(id, time_.steady());
    }
    base::unique_fd ours{ends[0]};
    const base::unique_fd theirs{ends[1]};
    const auto pid = fork_child(c->what == role::worker ? worker_duty(*c, gen, theirs.get())
                                                        : other_duty(*c, gen, theirs.get()));
    if (!pid) {
        log_.error("{}", pid.error().text());
        return supervisor_.spawn_failed(id, time_.steady());
    }
    orders_[id] = std::move(ours);
    supervisor_.spawned(id, *pid, time_.steady());
    log_.info("started {} as process {}, generation {}", log_name_of(*c), *pid, c->generation);
}

child_duty master_process::worker_duty(const child& c, const generation& gen, int order_fd) const {
    const base::doorbell& bell = bells_.workers.at(c.process_slot);
    bell.silence(); // what rang for the one before
    const std::vector<int> listeners = listeners_.of_position(gen.addresses, c.position);
    child_duty duty;
    duty.title = fmt::format("worker {}", c.position);
    duty.who = who_;
    duty.killed_with_master = true;
    duty.keep = {order_fd, gen.logs.error_fd(), gen.logs.access_fd(), bell.fd(), bells_.asked.fd()};
    duty.keep.insert(duty.keep.end(), listeners.begin(), listeners.end());
    duty.run = [this, &c, &gen, &bell, listeners, order_fd] {
        base::log log{gen.logs.error_fd(), gen.conf.error_level, log_name_of(c), time_};
        raise_open_files_limit(gen.conf);
        const worker_inheritance inheritance{.conf = gen.conf,
                                             .slot = c.process_slot,
                                             .listeners = listeners,
                                             .routes_changed = bell,
                                             .asked = bells_.asked,
                                             .limits = *limits_,
                                             .control_token = gen.token,
                                             .access_keys = gen.access_keys,
                                             .access_log_fd = gen.logs.access_fd(),
                                             .order_fd = order_fd,
                                             .tls = gen.tls.get()};
        return run_worker(inheritance, time_, log);
    };
    return duty;
}

child_duty master_process::other_duty(const child& c, const generation& gen, int order_fd) {
    const int listener = gen.control_listener->get();
    child_duty duty;
    duty.title = name_of(c.what);
    duty.who = who_;
    // Without their master, sync still writes back what was counted and control leaves its
    // containers to the next one: both see the end of file.
    duty.killed_with_master = false;
    duty.stays_unprivileged = c.what == role::sync; // control starts programs that may need more
    duty.keep = {order_fd, gen.logs.error_fd(), bells_.sync.fd()};
    if (c.what == role::control)
        duty.keep.push_back(listener);
    else
        duty.keep.push_back(bells_.asked.fd());
    if (c.what == role::sync)
        for (const base::doorbell& bell : bells_.workers)
            duty.keep.push_back(bell.fd());
    duty.run = [this, &c, &gen, listener, order_fd] {
        forget_secrets();
        base::log log{gen.logs.error_fd(), gen.conf.error_level, log_name_of(c), time_};
        if (c.what == role::sync)
            return run_sync(gen.conf, bells_, order_fd, time_, log);
        return run_control(gen.conf, gen.token, gen.access_keys, listener, bells_, order_fd, time_,
                           log);
    };
    return duty;
}

/// In a child that speaks no TLS: what it does not have cannot leak from it.
void master_process::forget_secrets() {
    for (const generation* gen : {current_.get(), candidate_.get()})
        if (gen != nullptr)
            gen->tls->forget();
    tickets_ = {};
}

void master_process::rotate_tickets() {
    if (!current_->tls->any() || time_.steady() < tickets_made_ + current_->conf.ticket_rotation)
        return;
    tickets_made_ = time_.steady();
    if (tickets_.rotate())
        log_.info("made a new key for TLS tickets");
    else
        log_.error("no random bytes for a new key for TLS tickets; the old one stays");
}

void master_process::tell_doubts_of_tls() {
    for (const std::string& doubt : current_->tls->doubts())
        log_.warn("{}", doubt);
}

std::optional<base::steady_time> master_process::wake_at() const {
    std::optional<base::steady_time> at = supervisor_.wake_at();
    if (current_->tls->any()) {
        const base::steady_time next = tickets_made_ + current_->conf.ticket_rotation;
        at = at ? std::min(*at, next) : next;
    }
    return at;
}

void master_process::check_open_files() {
    if (const auto doubt = doubt_open_files(current_->conf))
        log_.warn("{}", *doubt);
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
