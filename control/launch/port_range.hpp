// Ports for targets on this host: from a fixed range, never one that is taken.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

namespace postern::control {

/// True when nothing on this host listens on the port or holds it otherwise, on any address.
[[nodiscard]] bool port_is_free(std::uint16_t port);

/// Gives out each port of [first, last] to one holder at a time. It goes round, so that a port
/// rests as long as it can before it is used again: a browser may still talk to the target that had
/// it last.
class port_range {
  public:
    port_range(std::uint16_t first, std::uint16_t last)
        : first_{first}, last_{last}, next_{first} {}

    /// A free port that nobody holds; nothing when there is none.
    [[nodiscard]] std::optional<std::uint16_t> take();
    /// Notes a port as held, e.g. by an adopted launch.
    void hold(std::uint16_t port) { held_.insert(port); }
    void give_back(std::uint16_t port) { held_.erase(port); }

  private:
    std::uint16_t first_, last_, next_;
    std::set<std::uint16_t> held_;
};

} // namespace postern::control
