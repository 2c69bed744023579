#include "edge/net/upstream_pool.hpp"

namespace postern::edge {

upstream_ptr upstream_pool::take(const base::ip_endpoint& to) {
    const auto found = idle_.find(to);
    if (found == idle_.end())
        return nullptr;
    while (!found->second.empty()) {
        upstream_ptr connection = std::move(found->second.back());
        found->second.pop_back();
        // What came while nobody asked would be taken for the next request's answer.
        if (connection->link.seen_unasked())
            continue;
        table_.count(cache::counter::upstream_reuses);
        return connection;
    }
    return nullptr;
}

task<base::result<upstream_ptr>> upstream_pool::connect(base::ip_endpoint to) {
    table_.count(cache::counter::upstream_connects);
    auto begun = begin_connect(to);
    if (!begun) {
        table_.count(cache::counter::upstream_connect_errors);
        co_return begun.error();
    }
    auto connection = std::make_unique<upstream_connection>(loop_, std::move(begun->fd), to);
    if (!begun->pending)
        co_return connection;
    const auto error = co_await connection->link.connected(times_.upstream_connect);
    if (error) {
        table_.count(cache::counter::upstream_connect_errors);
        const bool late = connection->link.timed_out();
        co_return base::failure{late ? make_error_code(boost::system::errc::timed_out) : error,
                                to.text()};
    }
    co_return connection;
}

void upstream_pool::keep(upstream_ptr connection) {
    std::vector<upstream_ptr>& kept = idle_[connection->to];
    if (kept.size() >= limits_.upstream_keepalive || connection->link.seen_unasked())
        return;
    connection->reused = true;
    connection->idle_since = loop_.timers().now();
    connection->link.no_deadline();
    connection->link.watch(nullptr);
    kept.push_back(std::move(connection));
}

void upstream_pool::sweep(deadlines::clock::time_point now) {
    for (auto at = idle_.begin(); at != idle_.end();) {
        std::erase_if(at->second, [&](const upstream_ptr& connection) {
            return now - connection->idle_since > times_.upstream_idle ||
                   connection->link.seen_unasked();
        });
        at = at->second.empty() ? idle_.erase(at) : std::next(at);
    }
}

} // namespace postern::edge
