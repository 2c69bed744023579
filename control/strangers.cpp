#include "control/strangers.hpp"

#include "base/check.hpp"

#include <iterator>

namespace postern::control {

void strangers::come(int fd, base::steady_time now) {
    waiting_.push_back({fd, now});
    const bool is_new = all_.emplace(fd, place{std::prev(waiting_.end())}).second;
    POSTERN_CHECK(is_new);
}

void strangers::take_off(place& of) {
    if (of.at != waiting_.end())
        waiting_.erase(of.at);
    of.at = waiting_.end();
}

void strangers::ask(int fd, base::steady_time now) {
    const auto at = all_.find(fd);
    if (at == all_.end() || at->second.at == waiting_.end())
        return;
    at->second.at->since = now;
    waiting_.splice(waiting_.end(), waiting_, at->second.at);
}

void strangers::trust(int fd) {
    if (const auto at = all_.find(fd); at != all_.end())
        take_off(at->second);
}

void strangers::leave(int fd) {
    const auto at = all_.find(fd);
    if (at == all_.end())
        return;
    take_off(at->second);
    if (at->second.is_leaving)
        --leaving_;
    all_.erase(at);
}

strangers::verdict strangers::judge(base::steady_time now) {
    verdict v;
    v.is_full = staying() >= rules_.connections_max;
    // The newest stays: it has not had the time to say anything.
    while (waiting_.size() > 1) {
        const stranger oldest = waiting_.front();
        const auto waited = now - oldest.since;
        const bool is_half_full = staying() > rules_.connections_max / 2;
        const bool is_over =
            waited >= (is_half_full ? rules_.patience_when_half_full : rules_.patience);
        if (!is_over && staying() <= rules_.connections_max)
            break;
        place& of = all_.at(oldest.fd);
        take_off(of);
        of.is_leaving = true;
        ++leaving_;
        v.leaving.push_back(oldest.fd);
        if (waited < rules_.patience)
            ++v.before_time;
    }
    return v;
}

} // namespace postern::control
