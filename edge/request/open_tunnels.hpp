// The WebSockets that are open in a worker, listed so that it can say every 10 s that they are
// still there, and end those whose session is over or whose link was revoked.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace postern::edge {

struct exchange;
struct services;

class open_tunnel : public boost::intrusive::list_base_hook<
                        boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    /// Status codes of RFC 6455 7.4.1.
    enum class why : std::uint16_t { going_away = 1001, policy = 1008 };

    explicit open_tunnel(exchange& of) noexcept : by{of} {}
    open_tunnel(const open_tunnel&) = delete;
    open_tunnel& operator=(const open_tunnel&) = delete;
    /// Closes both sides soon, each with a Close frame where one may stand now. False: that is
    /// under way already.
    [[nodiscard]] virtual bool end(why code) noexcept = 0;

    exchange& by; // stays for as long as this does

  protected:
    ~open_tunnel() = default;
};
using open_tunnels =
    boost::intrusive::list<open_tunnel, boost::intrusive::constant_time_size<false>>;

/// What the open ones have been compared with.
struct tunnels_sweep {
    std::uint64_t changes = 0; // of routes
    std::uint64_t damage = 0;  // of the table
    bool has_new_ones = false; // which have not
};

/// Ends those whose session is over (removed, be it made anew since, failed, at rest, or another
/// session has its key) or whose pass has ended. Called each second; nothing is looked up while no
/// route has changed and no location has links.
void end_tunnels_that_are_over(services& worker);
/// Ends them all, because the worker ends. False: there was none.
[[nodiscard]] bool end_all_tunnels(services& worker);

} // namespace postern::edge
