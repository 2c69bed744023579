#include "edge/request/record.hpp"

#include "edge/request/log_escape.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace postern::edge {
namespace {

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_protocol(std::string& out, const request_record& r) {
    out += r.http2 ? "HTTP/2." : "HTTP/1.";
    append_number(out, r.http2 ? 0 : static_cast<std::uint64_t>(std::max(r.minor_version, 0)));
}

void append_combined_value(std::string& out, std::string_view text) {
    if (text.empty())
        out += '-';
    else
        append_escaped_default(out, text, access_log::value_bytes_max);
}

/// 127.0.0.1 - - [21/Nov/2026:04:13:00 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8.0"
void append_combined(std::string& out, const request_record& r, std::string_view time) {
    append_combined_value(out, r.client);
    out += " - - [";
    out += time;
    out += "] \"";
    append_combined_value(out, r.method);
    if (!r.method.empty() ||
        !r.target.empty()) { // else nothing was understood: nginx writes "-" then
        out += ' ';
        append_combined_value(out, r.target);
        out += ' ';
        append_protocol(out, r);
    }
    out += "\" ";
    append_number(out, r.status);
    out += ' ';
    append_number(out, r.bytes_sent);
    out += " \"";
    append_combined_value(out, r.referer);
    out += "\" \"";
    append_combined_value(out, r.user_agent);
    out += "\"\n";
}

void append_json_text(std::string& out, std::string_view key, std::string_view value) {
    out += key;
    append_escaped_json(out, value, access_log::value_bytes_max);
    out += '"';
}

void append_json_number(std::string& out, std::string_view key, std::uint64_t value) {
    out += key;
    append_number(out, value);
}

/// The keys carry the punctuation around them: half the appends of a key and its quotes one by one.
void append_json(std::string& out, const request_record& r, std::string_view second) {
    out += R"({"time":")";
    out += second;
    const auto ms =
        static_cast<unsigned>(std::max<std::int64_t>(base::to_epoch_ms(r.ended), 0) % 1000);
    const std::array<char, 5> fraction{'.', static_cast<char>('0' + ms / 100),
                                       static_cast<char>('0' + ms / 10 % 10),
                                       static_cast<char>('0' + ms % 10), 'Z'};
    out.append(fraction.data(), fraction.size());
    append_json_text(out, R"(","client":")", r.client);
    append_json_text(out, R"(,"method":")", r.method);
    append_json_text(out, R"(,"target":")", r.target);
    out += R"(,"protocol":")";
    append_protocol(out, r);
    append_json_text(out, R"(","host":")", r.host);
    append_json_number(out, R"(,"status":)", r.status);
    append_json_number(out, R"(,"bytes_sent":)", r.bytes_sent);
    append_json_number(out, R"(,"bytes_received":)", r.bytes_received);
    append_json_text(out, R"(,"referer":")", r.referer);
    append_json_text(out, R"(,"user_agent":")", r.user_agent);
    append_json_text(out, R"(,"session":")", r.session);
    append_json_text(out, R"(,"decision":")", r.decision);
    append_json_text(out, R"(,"upstream":")", r.upstream);
    append_json_number(out, R"(,"duration_us":)",
                       static_cast<std::uint64_t>(std::max<std::int64_t>(r.duration_us, 0)));
    out += "}\n";
}

// 9 values of a peer's at most, and what stands around them.
static_assert(access_log::line_bytes_max >= 9 * access_log::value_bytes_max + 512);

} // namespace

void access_log::write_time(std::int64_t epoch_s) {
    const std::time_t seconds = epoch_s;
    std::tm parts{};
    std::array<char, 64> text{};
    const bool json = format_ == access_log_format::json;
    if (json)
        ::gmtime_r(&seconds, &parts);
    else
        ::localtime_r(&seconds, &parts);
    const std::size_t size = std::strftime(
        text.data(), text.size(), json ? "%Y-%m-%dT%H:%M:%S" : "%d/%b/%Y:%H:%M:%S %z", &parts);
    time_text_.assign(text.data(), size);
    time_s_ = epoch_s;
}

void access_log::put(const request_record& record) {
    if (format_ == access_log_format::off)
        return;
    const std::int64_t epoch_s = std::max<std::int64_t>(base::to_epoch_ms(record.ended), 0) / 1000;
    if (epoch_s != time_s_)
        write_time(epoch_s);
    if (buffer_.capacity() < batch_bytes + line_bytes_max)
        buffer_.reserve(batch_bytes + line_bytes_max);
    if (format_ == access_log_format::json)
        append_json(buffer_, record, time_text_);
    else
        append_combined(buffer_, record, time_text_);
    if (buffer_.size() >= batch_bytes)
        flush();
}

void access_log::flush() noexcept {
    std::string_view left = buffer_;
    if (torn_ && !left.empty()) { // ends what stands there of the line that was cut
        torn_ = ::write(fd_, "\n", 1) != 1;
    }
    while (!left.empty() && !torn_) {
        const ssize_t written = ::write(fd_, left.data(), left.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        left.remove_prefix(static_cast<std::size_t>(written));
    }
    if (!left.empty()) {
        lost_ += static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
        const std::size_t gone = buffer_.size() - left.size();
        if (gone > 0)
            torn_ = buffer_[gone - 1] != '\n';
    }
    buffer_.clear();
}

std::uint64_t access_log::take_lost() noexcept {
    return std::exchange(lost_, 0);
}

} // namespace postern::edge
