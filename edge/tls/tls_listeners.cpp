#include "edge/tls/tls_listeners.hpp"

namespace postern::edge {

tls_listeners::tls_listeners(const settings& conf, const tls_contexts* contexts,
                             const std::vector<base::ip_endpoint>& addresses,
                             const server_of& choose)
    : listeners_(addresses.size()) {
    if (contexts == nullptr || !contexts->any())
        return;
    for (const server_settings& server : conf.servers)
        for (const listen_settings& listen : server.listens)
            for (std::size_t i = 0; listen.ssl && i < addresses.size(); ++i)
                if (addresses[i] == listen.address) {
                    tls_listener& here = listeners_[i];
                    here.contexts = contexts;
                    here.http2 = here.http2 || listen.http2;
                    here.scratch = &scratch_;
                    here.server_for = [choose, i](std::string_view name) -> const server_settings& {
                        return choose(i, name);
                    };
                }
}

} // namespace postern::edge
