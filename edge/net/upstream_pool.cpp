#include "edge/net/upstream_pool.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>

namespace postern::edge {
namespace {

asio::ip::tcp::endpoint asio_endpoint(const base::ip_endpoint& from) {
    if (from.address.is_v4()) {
        asio::ip::address_v4::bytes_type bytes;
        std::copy(from.address.bytes.begin() + 12, from.address.bytes.end(), bytes.begin());
        return {asio::ip::address_v4{bytes}, from.port};
    }
    return {asio::ip::address_v6{from.address.bytes}, from.port};
}

} // namespace

upstream_ptr upstream_pool::take(const base::ip_endpoint& to) {
    const auto found = idle_.find(to);
    if (found == idle_.end() || found->second.empty())
        return nullptr;
    upstream_ptr connection = std::move(found->second.back());
    found->second.pop_back();
    table_.count(cache::counter::upstream_reuses);
    return connection;
}

task<base::result<upstream_ptr>> upstream_pool::connect(base::ip_endpoint to) {
    table_.count(cache::counter::upstream_connects);
    auto connection = std::make_unique<upstream_connection>(tcp_socket{executor_}, timers_, to);
    const auto [error] =
        co_await connection->link.connect(asio_endpoint(to), times_.upstream_connect);
    if (error) {
        table_.count(cache::counter::upstream_connect_errors);
        co_return base::failure{
            connection->link.timed_out() ? make_error_code(boost::system::errc::timed_out) : error,
            to.text()};
    }
    boost::system::error_code ignored; // without it small writes are late, not wrong
    connection->link.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
    co_return connection;
}

void upstream_pool::keep(upstream_ptr connection) {
    std::vector<upstream_ptr>& kept = idle_[connection->to];
    if (kept.size() >= limits_.upstream_keepalive)
        return;
    connection->reused = true;
    connection->idle_since = timers_.now();
    connection->link.no_deadline();
    connection->link.watch(nullptr);
    kept.push_back(std::move(connection));
}

void upstream_pool::sweep(deadlines::clock::time_point now) {
    for (auto at = idle_.begin(); at != idle_.end();) {
        std::erase_if(at->second, [&](const upstream_ptr& connection) {
            return now - connection->idle_since > times_.upstream_idle ||
                   connection->link.peer_closed();
        });
        at = at->second.empty() ? idle_.erase(at) : std::next(at);
    }
}

} // namespace postern::edge
