// Which connections the session API closes to stay reachable: those that have shown no token, the
// oldest first.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <unordered_map>
#include <vector>

namespace postern::control {

/// How long a connection may wait with its first good token. The patience shrinks as the server
/// fills, so that a client that sends its request at once is served however many others do not.
struct stranger_rules {
    std::size_t connections_max = 512; // of any kind; beyond it the oldest stranger goes at once
    std::chrono::milliseconds patience{2000};
    std::chrono::milliseconds patience_when_half_full{500};
};

/// The connections of one thread, by descriptor. All but those that have shown a good token are
/// strangers. Decides only; the caller closes. Not thread-safe.
class strangers {
  public:
    explicit strangers(const stranger_rules& rules) : rules_{rules} {}

    /// A connection was accepted. Requires: it is not here.
    void come(int fd, base::steady_time now);
    /// It has asked for something open to all: its time begins anew. No effect on a trusted one.
    void ask(int fd, base::steady_time now);
    /// It has shown a good token: from here on only the server's own deadlines are for it.
    void trust(int fd);
    /// It was closed, by whomever.
    void leave(int fd);

    struct verdict {
        std::vector<int> leaving;    // to be closed now, oldest first; each is named once
        std::size_t before_time = 0; // how many of them `patience` would have let stay
        bool is_full = false;        // connections_max was reached
    };
    [[nodiscard]] verdict judge(base::steady_time now);

    /// Open, without those that were named to leave.
    [[nodiscard]] std::size_t staying() const { return all_.size() - leaving_; }

  private:
    struct stranger {
        int fd = -1;
        base::steady_time since;
    };
    struct place {
        std::list<stranger>::iterator at; // waiting_.end(): trusted, or named to leave
        bool is_leaving = false;
    };
    void take_off(place& of);

    stranger_rules rules_;
    std::list<stranger> waiting_; // the one who has waited longest first
    std::unordered_map<int, place> all_;
    std::size_t leaving_ = 0;
};

} // namespace postern::control
