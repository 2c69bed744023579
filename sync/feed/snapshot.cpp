#include "sync/feed/snapshot.hpp"

namespace postern::sync {

using base::result;

void snapshot::begin(std::unique_ptr<parallel_scan> scan, std::string_view why) {
    sink_.begin_reading();
    running_ = std::make_unique<running>();
    running_->scan = std::move(scan);
    state_.snapshots.fetch_add(1, std::memory_order_relaxed);
    state_.is_loading.store(true, std::memory_order_relaxed);
    log_.info("a snapshot of the remote table begins: {}", why);
}

void snapshot::end() {
    running_.reset();
    state_.is_loading.store(false, std::memory_order_relaxed);
}

void snapshot::drop() {
    if (running_)
        end();
}

void snapshot::touch(std::span<const row_change> changes) {
    if (!running_)
        return;
    for (const row_change& one : changes)
        running_->met.touch(one.key, one.now.has_value());
}

base::steady_time snapshot::next_at() const {
    if (!running_)
        return base::steady_time::max();
    return running_->page ? base::steady_time{} : running_->scan->next_at();
}

result<snapshot::outcome> snapshot::step(const std::function<std::string()>& position) {
    if (!running_)
        return outcome{};
    if (!running_->page) {
        auto next = running_->scan->next();
        if (!next) {
            end();
            return next.error();
        }
        running_->page = std::move(*next);
        running_->rows += running_->page ? running_->page->size() : 0;
    }
    if (running_->page)
        return put_page();
    if (running_->scan->is_at_end())
        return sweep(position);
    return outcome{};
}

result<snapshot::outcome> snapshot::put_page() {
    // Chosen now, and again after a failure, not when the page was read: the stream may have
    // touched keys since.
    parallel_scan::rows& page = *running_->page;
    std::erase_if(page, [&](const row_change& one) { return !running_->met.takes(one.key); });
    if (!page.empty())
        if (auto put = sink_.put(page, {}); !put)
            return put.error();
    const bool took = !page.empty();
    running_->page.reset();
    return outcome{progress::goes_on, took};
}

result<snapshot::outcome> snapshot::sweep(const std::function<std::string()>& position) {
    const auto rows = sink_.count();
    if (!rows)
        return rows.error();
    pages_ = running_->scan->pages();
    if (!running_->is_believed && brake_.holds(*rows, running_->met.kept(), log_)) {
        end();
        return outcome{progress::held, false};
    }
    running_->is_believed = true;
    const auto removed =
        sink_.sweep([&](std::string_view key) { return running_->met.keeps(key); }, position());
    if (!removed)
        return removed.error();
    state_.rows_removed.fetch_add(*removed, std::memory_order_relaxed);
    log_.notice("the snapshot of the remote table ended: {} rows, {} removed", running_->rows,
                *removed);
    end();
    return outcome{progress::ended, *removed > 0};
}

} // namespace postern::sync
