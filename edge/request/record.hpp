// The access log: one line a request, combined or JSON, written in batches.
#pragma once

#include "base/clock.hpp"
#include "edge/settings/settings.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::edge {

/// What is known of a request when it is over. Views are read at once.
struct request_record {
    std::string_view client; // address without port
    std::string_view method;
    std::string_view target;
    int minor_version = 1;
    bool http2 = false; // then minor_version means nothing
    std::string_view host;
    unsigned status = 0;
    std::uint64_t bytes_sent = 0; // body
    std::uint64_t bytes_received = 0;
    std::string_view referer;
    std::string_view user_agent;
    std::string_view session;  // route key; empty: none
    std::string_view decision; // "proxy", "loading", "static", ...
    std::string_view upstream; // "10.0.0.7:4321"; empty: none
    std::int64_t duration_us = 0;
    base::wall_time ended{};
};

/// Collects lines and writes them when 32 KiB are full or `flush` is called (the worker does each
/// second and at its end). Peers' bytes are escaped: a line is always one line, JSON always valid.
/// A failed write loses lines and counts them.
///
/// combined: nginx's format of that name, escaped as nginx does (\xNN); an absent value is "-";
/// local time. json: one object with every member of request_record, absent ones as ""; time in
/// UTC, ISO 8601 with milliseconds; bytes that are no UTF-8 become U+FFFD. A value whose escaped
/// form is longer than value_bytes_max ends in "...".
class access_log {
  public:
    static constexpr std::size_t batch_bytes = 32 * 1024;
    static constexpr std::size_t value_bytes_max = 2048; // of one peer-given value, escaped
    static constexpr std::size_t line_bytes_max = 20 * 1024;

    access_log(int fd, access_log_format format) noexcept : fd_{fd}, format_{format} {}
    void put(const request_record& record);
    void flush() noexcept;
    void redirect(int fd) noexcept { fd_ = fd; }
    /// Lines lost since the last call.
    [[nodiscard]] std::uint64_t take_lost() noexcept;

  private:
    void write_time(std::int64_t epoch_s);

    int fd_;
    access_log_format format_;
    std::string buffer_;
    std::uint64_t lost_ = 0;
    std::int64_t time_s_ = -1; // the second that time_text_ says
    std::string time_text_;
    bool torn_ = false; // the last write ended inside a line
};

} // namespace postern::edge
