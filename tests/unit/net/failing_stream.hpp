// A peer that fails at its nth operation, after Boost.Beast's test::stream and fail_count.
#pragma once

#include "edge/net/loop.hpp"
#include "edge/net/stream.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace postern::edge::testing {

/// Gives `says` in pieces and takes what is written; every operation waits for a turn of the loop
/// first. From operation `fail_at` on (0 is the first) all of them fail.
class failing_stream : public stream {
    event_loop& loop_;
    auto turn(waiter& place) {
        loop_.resume_next_turn(place);
        return place.wait();
    }

  public:
    failing_stream(event_loop& loop, std::string says, std::size_t piece, std::size_t fail_at)
        : loop_{loop}, says_{std::move(says)}, piece_{piece}, fail_at_{fail_at} {}

    std::string got;
    std::size_t operations = 0;
    [[nodiscard]] bool has_failed() const { return operations > fail_at_; }

    using stream::write_all;
    task<base::error_code> readable(milliseconds /*within*/) override {
        co_await turn(read_turn_);
        co_return std::exchange(cancelled_, false) ? cancelled() : next_operation();
    }
    read_result read_now(std::span<char> into) noexcept override {
        if (has_failed())
            return {reset(), 0};
        if (says_.empty())
            return {end_of_stream(), 0};
        const std::size_t n = std::min({piece_, into.size(), says_.size()});
        std::memcpy(into.data(), says_.data(), n);
        says_.erase(0, n);
        return {{}, n};
    }
    task<base::error_code> write_all(std::string_view a, std::string_view b, std::string_view c,
                                     milliseconds /*within*/) override {
        for (const std::string_view piece : {a, b, c}) {
            if (piece.empty())
                continue;
            co_await turn(write_turn_);
            if (const auto error = next_operation())
                co_return error;
            got += piece;
        }
        co_return base::error_code{};
    }
    bool write_now(std::string_view& bytes) noexcept override {
        const std::size_t n = std::min(piece_, bytes.size());
        if (has_failed())
            return bytes.empty();
        got += bytes.substr(0, n);
        bytes.remove_prefix(n);
        return bytes.empty();
    }
    bool peer_closed() noexcept override { return has_failed(); }
    bool seen_closed() noexcept override { return has_failed(); }
    [[nodiscard]] bool timed_out() const noexcept override { return false; }
    void progress(milliseconds /*within*/) noexcept override {}
    void cancel() noexcept override { cancelled_ = read_turn_.is_waiting(); }
    void shutdown_send() noexcept override {}
    void abort() noexcept override {}

  private:
    static base::error_code reset() {
        return make_error_code(boost::system::errc::connection_reset);
    }
    base::error_code next_operation() {
        return operations++ >= fail_at_ ? reset() : base::error_code{};
    }
    std::string says_;
    std::size_t piece_, fail_at_;
    waiter read_turn_, write_turn_;
    bool cancelled_ = false;
};

} // namespace postern::edge::testing
