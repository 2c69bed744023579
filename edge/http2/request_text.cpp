#include "edge/http2/request_text.hpp"

#include "edge/http/scan.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <utility>

namespace postern::edge {
namespace {

/// What HTTP/2 has other means for (RFC 9113 8.2.2).
bool is_connection_specific(std::string_view name) noexcept {
    return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
           name == "transfer-encoding" || name == "upgrade";
}

bool is_lower_token(std::string_view name) noexcept {
    for (const char c : name)
        if (!is_token_byte(c) || (c >= 'A' && c <= 'Z'))
            return false;
    return !name.empty();
}

/// No control bytes but tabs, and nothing blank at either end (RFC 9113 8.2.1).
bool is_clean_value(std::string_view value) noexcept {
    const char* const end = value.data() + value.size();
    return find_value_end(value.data(), end) == end && trimmed(value).size() == value.size();
}

/// Nothing that ends a request line's part, or the line.
bool is_clean_word(std::string_view word) noexcept {
    const char* const end = word.data() + word.size();
    return !word.empty() && find_control_or_space(word.data(), end) == end;
}

/// 16 random bytes in base64 (RFC 6455 4.1): the target must not take it for another's answer.
std::string websocket_key() {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static thread_local std::mt19937_64 random{std::random_device{}()};
    std::string key;
    std::uint64_t bits = 0;
    for (int i = 0; i < 21; ++i) {
        if (i % 10 == 0)
            bits = random();
        key += digits[(bits >> (i % 10 * 6)) & 63U];
    }
    key += "AQgw"[random() & 3U]; // the last two of 128 bits
    return key + "==";
}

} // namespace

void request_text::clear() noexcept {
    for (std::string* s : {&method_, &path_, &authority_, &scheme_, &protocol_, &cookies_, &text_})
        s->clear();
    fields_ = dropped_ = cookie_bytes_ = 0;
    verdict_ = verdict::good;
    begun_ = host_seen_ = websocket_ = has_length_ = false;
}

bool request_text::has_room(std::size_t bytes) noexcept {
    const std::size_t used =
        begun_ ? text_.size() + cookie_bytes_ : method_.size() + path_.size() + authority_.size();
    if (used + bytes <= bounds_.bytes_max)
        return true;
    verdict_ = verdict::too_large;
    return false;
}

void request_text::add(std::string_view name, std::string_view value) {
    if (verdict_ != verdict::good) {
        ++dropped_;
    } else if (name.starts_with(':')) {
        add_pseudo(name, value);
    } else {
        if (!begun_)
            begin_text();
        if (verdict_ == verdict::good)
            add_field(name, value);
    }
}

void request_text::add_pseudo(std::string_view name, std::string_view value) {
    std::string* const place = name == ":method"      ? &method_
                               : name == ":path"      ? &path_
                               : name == ":authority" ? &authority_
                               : name == ":scheme"    ? &scheme_
                               : name == ":protocol"  ? &protocol_
                                                      : nullptr;
    // Each once, with a value, and before all fields (RFC 9113 8.3).
    if (place == nullptr || begun_ || !place->empty() || !is_clean_word(value))
        spoil();
    else if (has_room(value.size()))
        *place = value;
}

void request_text::begin_text() {
    begun_ = true;
    websocket_ = method_ == "CONNECT" && protocol_ == "websocket";
    if (method_.empty() || (!protocol_.empty() && !websocket_))
        return spoil();
    if (method_ == "CONNECT" && !websocket_) {
        // A tunnel to a host, which nobody gets: the reader says 501 to the right form of it.
        if (!path_.empty() || !scheme_.empty() || authority_.empty())
            return spoil();
        text_.append("CONNECT ").append(authority_);
    } else {
        const bool all = path_ == "*" && method_ == "OPTIONS";
        if (!all && !path_.starts_with('/'))
            return spoil(); // nor an absolute URL, in which another host could stand
        if (scheme_ != "http" && scheme_ != "https")
            return spoil();
        text_.append(websocket_ ? "GET" : method_).append(" ").append(path_);
    }
    text_ += " HTTP/1.1\r\n";
    if (!authority_.empty())
        put_line("Host", authority_);
}

void request_text::put_line(std::string_view name, std::string_view value) {
    if (++fields_ > bounds_.fields_max)
        verdict_ = verdict::too_large;
    else if (has_room(name.size() + value.size() + 4))
        text_.append(name).append(": ").append(value).append("\r\n");
}

void request_text::add_field(std::string_view name, std::string_view value) {
    if (!is_lower_token(name) || !is_clean_value(value) || is_connection_specific(name))
        return spoil();
    if (name == "te" && value != "trailers")
        return spoil();
    if (name == "cookie") { // may come in crumbs (RFC 9113 8.2.3)
        if (!has_room(value.size() + 2))
            return;
        cookies_.append(cookies_.empty() ? "" : "; ").append(value);
        cookie_bytes_ += value.size() + 2; // so that empty ones are not for nothing
        return;
    }
    if (name == "host") {
        if (std::exchange(host_seen_, true) || (!authority_.empty() && value != authority_))
            return spoil();
        if (authority_.empty())
            put_line("Host", value);
        return;
    }
    if (name == "content-length") {
        if (std::exchange(has_length_, true) || websocket_)
            return spoil();
    }
    // The handshake's own, of which RFC 8441 knows nothing, are written at the end.
    if (websocket_ && (name == "sec-websocket-key" || name == "sec-websocket-version"))
        return;
    put_line(name, value);
}

request_text::verdict request_text::finish() {
    if (verdict_ == verdict::good && !begun_)
        begin_text();
    if (verdict_ == verdict::good && !cookies_.empty()) {
        cookie_bytes_ = 0;
        put_line("cookie", cookies_);
    }
    if (verdict_ == verdict::good && websocket_) {
        put_line("Connection", "Upgrade");
        put_line("Upgrade", "websocket");
        put_line("Sec-WebSocket-Key", websocket_key());
        put_line("Sec-WebSocket-Version", "13");
    }
    return verdict_;
}

} // namespace postern::edge
