#include "sync/activity_sender.hpp"

namespace postern::sync {
namespace {

/// The ones at the positions in `which`, and the others.
activity_sender::outcome split(std::vector<activity_update> updates,
                               const std::vector<std::size_t>& which, base::result<void> result) {
    activity_sender::outcome made{{}, {}, std::move(result)};
    std::vector<bool> is_failed(updates.size(), false);
    for (const std::size_t i : which)
        is_failed.at(i) = true;
    for (std::size_t i = 0; i < updates.size(); ++i)
        (is_failed[i] ? made.failed : made.written).push_back(std::move(updates[i]));
    return made;
}

} // namespace

activity_sender::activity_sender(remote_table& to, const base::doorbell& done)
    : to_{to}, done_{done}, thread_{[this](const std::stop_token& stop) { run(stop); }} {}

activity_sender::~activity_sender() = default;

bool activity_sender::is_busy() const {
    const std::lock_guard lock{mutex_};
    return is_busy_ || outcome_;
}

void activity_sender::send(std::vector<activity_update> updates) {
    {
        const std::lock_guard lock{mutex_};
        batch_ = std::move(updates);
        is_busy_ = true;
    }
    changed_.notify_all();
}

std::optional<activity_sender::outcome>
activity_sender::finished(std::chrono::milliseconds longest) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, longest, [this] { return !is_busy_; });
    return std::exchange(outcome_, std::nullopt);
}

void activity_sender::run(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (changed_.wait(lock, stop, [this] { return is_busy_ && !outcome_; })) {
        std::vector<activity_update> batch = std::move(batch_);
        lock.unlock();
        std::vector<std::size_t> failed;
        auto result = to_.add_activity(batch, failed, stop);
        outcome made = split(std::move(batch), failed, std::move(result));
        lock.lock();
        outcome_ = std::move(made);
        is_busy_ = false;
        changed_.notify_all();
        done_.ring();
    }
}

} // namespace postern::sync
