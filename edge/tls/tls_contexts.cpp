#include "edge/tls/tls_contexts.hpp"

#include "edge/tls/tls_policy.hpp"

#include <algorithm>

namespace postern::edge {
tls_contexts::~tls_contexts() = default;

base::result<std::unique_ptr<tls_contexts>>
tls_contexts::load(const settings& conf, const ticket_keys* keys, std::time_t now) {
    std::unique_ptr<tls_contexts> made{new tls_contexts};
    for (const server_settings& server : conf.servers) {
        const tls_settings& how = server.tls;
        if (!server.has_ssl())
            continue; // what stands in the main part is meant for others
        std::vector<certificate> shown;
        for (const certificate_files& files : how.certificates) {
            auto loaded = load_certificate(files);
            if (!loaded)
                return loaded.error();
            for (std::string& doubt : doubts_about(*loaded, files, server, now))
                if (std::find(made->doubts_.begin(), made->doubts_.end(), doubt) ==
                    made->doubts_.end())
                    made->doubts_.push_back(std::move(doubt));
            shown.push_back(std::move(*loaded));
        }
        auto& place = made->policies_[identity_of(how, shown)];
        if (!place) {
            auto policy = make_policy(how, shown, keys, conf.ticket_rotation);
            if (!policy)
                return policy.error();
            place = std::move(*policy);
        }
        made->of_server_[&server] = place.get();
    }
    return made;
}

const tls_policy* tls_contexts::of(const server_settings& server) const noexcept {
    const auto at = of_server_.find(&server);
    return at == of_server_.end() ? nullptr : at->second;
}

void tls_contexts::forget() noexcept {
    of_server_.clear();
    policies_.clear();
}

} // namespace postern::edge
