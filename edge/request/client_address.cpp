#include "edge/request/client_address.hpp"

#include "edge/http/scan.hpp"

#include <optional>

namespace postern::edge {
namespace {

/// "192.0.2.7", "192.0.2.7:5000", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:5000".
std::optional<base::ip_address> forwarded_address(std::string_view text) {
    if (const auto bare = base::ip_address::parse(text))
        return bare;
    if (text.size() > 2 && text.front() == '[' && text.back() == ']')
        return base::ip_address::parse(text.substr(1, text.size() - 2));
    if (const auto with_port = base::ip_endpoint::parse(text))
        return with_port->address;
    return std::nullopt;
}

} // namespace

base::ip_address client_behind(const field_list& fields, const base::ip_address& peer,
                               const std::vector<base::ip_network>& trusted) {
    base::ip_address client = peer;
    bool forwarded = false;
    for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
        if (field->id != known::x_forwarded_for)
            continue;
        for (std::string_view left = field->value; !left.empty();) {
            const std::size_t comma = left.rfind(',');
            const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
            const std::string_view member = trimmed(left.substr(begin));
            left = left.substr(0, comma == std::string_view::npos ? 0 : comma);
            if (member.empty())
                continue;
            forwarded = true;
            const auto address = forwarded_address(member);
            if (!address)
                return client;
            client = *address;
            if (!base::is_in(trusted, client))
                return client;
        }
    }
    if (!forwarded)
        if (const auto real = forwarded_address(value_of(fields, known::x_real_ip)))
            return *real;
    return client;
}

void name_client_behind(exchange& x) {
    const auto& trusted = x.worker.conf.trusted_proxies;
    const base::ip_address client = client_behind(x.head.fields, x.peer.address, trusted);
    if (client == x.peer.address)
        return;
    if (!x.behind_peer)
        x.behind_peer =
            std::make_unique<exchange::named_client>(exchange::named_client{client, client.text()});
    else if (client != x.behind_peer->address)
        *x.behind_peer = {client, client.text()};
    x.client_address = x.behind_peer->text;
    if (x.worker.rates != nullptr)
        x.owners.client =
            base::is_in(trusted, client) ? no_limit_key : x.worker.rates->client_key(client);
}

} // namespace postern::edge
