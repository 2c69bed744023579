// Which listeners speak TLS, and who answers there for a name.
#pragma once

#include "edge/settings/settings.hpp"
#include "edge/tls/tls_contexts.hpp"

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::edge {

/// Bytes on their way out of OpenSSL, one block for all connections of a worker: each empties it
/// before it lets go of the thread.
struct tls_scratch {
    static constexpr std::size_t record_bytes = 16 * 1024; // of the clear (RFC 8446 5.1)
    std::vector<char> sealed;
    std::vector<char> joined = std::vector<char>(record_bytes); // pieces of a record, in the clear
};

/// One listening address with ssl.
struct tls_listener {
    const tls_contexts* contexts = nullptr;
    bool http2 = false; // may be offered
    /// The server for a name in lower case; for an empty one the one that answers unknown names.
    std::function<const server_settings&(std::string_view name)> server_for;
    tls_scratch* scratch = nullptr;
};

/// For each listener of a worker, in the order of location_index::listeners().
class tls_listeners {
  public:
    tls_listeners(const tls_listeners&) = delete;
    tls_listeners& operator=(const tls_listeners&) = delete;
    ~tls_listeners() = default;
    using server_of =
        std::function<const server_settings&(std::size_t listener, std::string_view name)>;
    /// Everything given must outlive this. `contexts`: nullptr: nothing speaks TLS.
    tls_listeners(const settings& conf, const tls_contexts* contexts,
                  const std::vector<base::ip_endpoint>& addresses, const server_of& choose);

    /// nullptr: plain HTTP.
    [[nodiscard]] const tls_listener* at(std::size_t listener) const noexcept {
        return listener < listeners_.size() && listeners_[listener].contexts != nullptr
                   ? &listeners_[listener]
                   : nullptr;
    }

  private:
    std::vector<tls_listener> listeners_;
    tls_scratch scratch_;
};

} // namespace postern::edge
