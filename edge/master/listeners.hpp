// Listening sockets: one per listen address and worker position, all in one SO_REUSEPORT group,
// owned by the master so that a worker's death or a reload drops no connection: its successor takes
// the same socket with whatever waits at it.
#pragma once

#include "base/error.hpp"
#include "base/ip_endpoint.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace postern::edge {

/// A listening socket on `address` (port 0: the system's choice), non-blocking, close-on-exec, with
/// TCP_NODELAY for what it accepts. `shared`: in the address's SO_REUSEPORT group. Errors: those of
/// bind(2) and listen(2), with a sentence.
[[nodiscard]] base::result<base::unique_fd> listen_on(const base::ip_endpoint& address,
                                                      bool shared);
/// Where a socket is bound. Requires: it is.
[[nodiscard]] base::ip_endpoint bound_to(int fd);

/// The sockets of all workers. The kernel spreads new connections over a group by hash, dead
/// workers included: whatever comes to a dead one's socket waits there for its successor. Not
/// thread-safe.
class listener_set {
  public:
    /// Called before the next try of an address that is taken; false: give up. A master that was
    /// killed leaves its address taken until its children have noticed.
    using try_again = std::function<bool()>;

    /// Makes sure that there is a socket for each of `addresses` and each position below
    /// `positions`. What was there before stays as it is, also when this fails. Returns the
    /// addresses that are new, as bound. Errors: address_in_use and the like, with a sentence that
    /// names the address.
    [[nodiscard]] base::result<std::vector<base::ip_endpoint>>
    open(const std::vector<base::ip_endpoint>& addresses, std::uint32_t positions,
         const try_again& again);

    /// New connections go to the first `positions` sockets of each address only, at random, from
    /// now on: what waits at the others can be accepted in peace, and a process that is slow to
    /// close its copy of one gets nothing more. Requires: 1 <= positions, and all of them are open.
    void steer(std::uint32_t positions);
    /// Closes every socket that is not for one of these.
    void keep(const std::vector<base::ip_endpoint>& addresses, std::uint32_t positions);

    /// One socket per address. Requires: they were opened.
    [[nodiscard]] std::vector<int> of_position(const std::vector<base::ip_endpoint>& addresses,
                                               std::uint32_t position) const;

  private:
    struct group {
        base::ip_endpoint wanted; // as in the conf; the port may be 0
        base::ip_endpoint bound;
        std::vector<base::unique_fd> sockets; // by position, and so by index in the kernel's group
    };
    [[nodiscard]] group* find(const base::ip_endpoint& wanted);
    [[nodiscard]] bool have_port(std::uint16_t port) const;
    std::vector<group> groups_;
};

} // namespace postern::edge
