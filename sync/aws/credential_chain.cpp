#include "sync/aws/credential_chain.hpp"

#include "sync/aws/retry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds lead_max = std::chrono::minutes{5};
constexpr milliseconds soonest_refresh = std::chrono::minutes{1};
// A request takes a while to arrive: what ends sooner than this has ended.
constexpr milliseconds end_margin = seconds{5};
constexpr milliseconds renew_every = seconds{5};
constexpr retry_options again{.transient_base = seconds{1}, .delay_max = seconds{30}};

milliseconds part_of(milliseconds whole, double part) {
    return milliseconds{static_cast<std::int64_t>(static_cast<double>(whole.count()) * part)};
}

} // namespace

credential_chain::credential_chain(std::vector<std::unique_ptr<credential_provider>> providers,
                                   const base::clock& time, std::function<double()> random,
                                   base::log& log)
    : providers_{std::move(providers)}, time_{time}, random_{std::move(random)}, log_{log},
      only_{providers_.size()} {}

bool credential_chain::holds(const credentials& c) const {
    return !c.expires_at || *c.expires_at > time_.wall() + end_margin;
}

base::result<std::shared_ptr<const credentials>>
credential_chain::get(const std::stop_token& stop) {
    lock held{mutex_};
    for (;;) {
        const bool has_some = current_ && holds(*current_);
        const base::steady_time now = time_.steady();
        const bool is_due = now >= retry_at_ && (!has_some || now >= refresh_at_);
        if (has_some && (!is_due || is_looking_))
            return current_;
        if (stop.stop_requested())
            return base::failure{aws_error::cancelled, "credentials"};
        if (is_looking_) {
            looked_.wait(held, stop, [this] { return !is_looking_; });
            continue;
        }
        if (is_due && look(held, stop))
            return current_;
        if (stop.stop_requested())
            return base::failure{aws_error::cancelled, "credentials"};
        return has_some ? base::result<std::shared_ptr<const credentials>>{current_} : failure_;
    }
}

bool credential_chain::renew(const credentials& refused, const std::stop_token& stop) {
    lock held{mutex_};
    looked_.wait(held, stop, [this] { return !is_looking_; });
    if (current_ && !current_->same_key(refused))
        return true; // another thread was here before
    if (is_looking_ || time_.steady() < renew_at_)
        return false;
    renew_at_ = time_.steady() + renew_every;
    only_ = providers_.size();
    return look(held, stop) && !current_->same_key(refused);
}

/// True: there are new ones. Requires: nobody else is looking. Lets the others on meanwhile.
bool credential_chain::look(lock& held, const std::stop_token& stop) {
    is_looking_ = true;
    held.unlock();
    auto found = search(stop);
    held.lock();
    const bool is_found = found.has_value();
    if (is_found)
        take(std::move(*found));
    else if (found.error().code != aws_error::cancelled)
        note_failure(found.error());
    is_looking_ = false;
    looked_.notify_all();
    return is_found;
}

base::result<credentials> credential_chain::search(const std::stop_token& stop) {
    std::string tried;
    // First where they were found before, then all along.
    const std::size_t known = only_;
    for (std::size_t n = 0; n <= providers_.size(); ++n) {
        if (n == 0 && known == providers_.size())
            continue;
        const std::size_t at = n == 0 ? known : n - 1;
        if (n != 0 && at == known)
            continue;
        credential_provider& one = *providers_[at];
        auto found = one.find(stop);
        if (found && holds(*found)) {
            only_ = at;
            return found;
        }
        if (!found && found.error().code == aws_error::cancelled)
            return found.error();
        tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", one.name(),
                             found ? "what it gives has expired"
                                   : (found.error().what.empty() ? found.error().code.message()
                                                                 : found.error().what));
        if (found || found.error().code != aws_error::no_credentials)
            break;
    }
    return base::failure{aws_error::no_credentials,
                         tried.empty() ? std::string{"nowhere to look"} : std::move(tried)};
}

/// Requires: the lock.
void credential_chain::take(credentials found) {
    const bool is_news = !current_ || current_->source != found.source || failures_ > 0;
    failures_ = 0;
    retry_at_ = {};
    refresh_at_ = base::steady_time::max();
    if (found.expires_at) {
        const milliseconds left = *found.expires_at - time_.wall();
        const milliseconds lead = std::min(lead_max, left / 4);
        const double dice = random_();
        // What a provider gives once more shortly before its end: a little later, the next.
        const bool is_same = current_ && current_->same_key(found);
        refresh_at_ =
            time_.steady() + (is_same ? part_of(std::min(soonest_refresh, left / 2), (1 + dice) / 2)
                                      : left - lead - part_of(lead, dice));
    }
    if (is_news)
        log_.notice("aws: credentials from {} (key {}{})", found.source, found.access_key_id,
                    found.expires_at ? ", temporary" : "");
    current_ = std::make_shared<const credentials>(std::move(found));
}

/// Requires: the lock.
void credential_chain::note_failure(const base::failure& why) {
    retry_at_ = time_.steady() +
                retry_delay(again, retry_kind::transient, std::min(failures_, 16U), random_());
    ++failures_;
    const bool is_news = why.what != failure_.what || failures_ == 1;
    failure_ = why;
    if (is_news && current_ && holds(*current_))
        log_.warn("aws: credentials could not be refreshed; the old ones still hold: {}", why.what);
}

} // namespace postern::sync::aws
