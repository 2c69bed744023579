#include "sync/dynamodb/replica_view.hpp"

#include "sync/replica/replica_store.hpp"

namespace postern::sync::dynamodb {

using base::result;

result<void> replica_view::open() {
    if (store_)
        return {};
    // How late it is, nobody asks here.
    auto opened = open_replica_store(options_, [] { return std::int64_t{0}; });
    if (!opened)
        return opened.error();
    store_ = std::move(*opened);
    return {};
}

void replica_view::close() {
    store_.reset();
    writer_.reset();
}

result<replica_writer*> replica_view::writer() {
    if (writer_ && writer_->is_lost())
        close();
    if (!writer_) {
        auto opened = open_replica_writer(options_, time_);
        if (!opened)
            return opened.error();
        writer_ = std::move(*opened);
    }
    return writer_.get();
}

result<void> replica_view::set_token(session& record) {
    const auto known = writer();
    const auto version = known ? (*known)->version_of(record.session_id) : result<std::uint64_t>{0};
    if (!version)
        return version.error();
    record.version = token_of(record, *version);
    return {};
}

result<void> replica_view::set_tokens(std::vector<session>& records) {
    for (session& one : records)
        if (auto set = set_token(one); !set)
            return set;
    return {};
}

std::optional<std::uint64_t> replica_view::mark() {
    const auto now = with_writer([](replica_writer& of) { return of.mark(); });
    return now ? std::optional{*now} : std::nullopt;
}

void replica_view::wrote(const session_item& item, std::optional<std::uint64_t> since) {
    if (since)
        static_cast<void>(with_writer([&](replica_writer& to) {
            return to.wrote(item.key, item.row, item.version, *since);
        }));
}

void replica_view::removed(const session_item& item, std::optional<std::uint64_t> since) {
    if (since)
        static_cast<void>(with_writer(
            [&](replica_writer& to) { return to.removed(item.key, item.version, *since); }));
}

} // namespace postern::sync::dynamodb
