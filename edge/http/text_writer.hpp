// Writes a head into the end of a string: one allocation at most, then plain copies.
#pragma once

#include "edge/http/field.hpp"
#include "edge/http/scan.hpp"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace postern::edge {

/// Appends to a string. What was written is in it after `finish`, which must be called. Not
/// copyable.
class text_writer {
  public:
    /// `bytes_expected`: a guess; more is allowed and costs a copy.
    text_writer(std::string& out, std::size_t bytes_expected) : out_{out} {
        const std::size_t start = out.size();
        out.resize(start + bytes_expected);
        at_ = out.data() + start;
        end_ = out.data() + out.size();
    }
    text_writer(const text_writer&) = delete;
    text_writer& operator=(const text_writer&) = delete;

    text_writer& put(std::string_view text) {
        if (text.empty())
            return *this; // its data may be null, which memcpy must not see
        make_room(text.size());
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
        return *this;
    }
    /// A literal: its length is known, so that the copy is a few moves.
    template <std::size_t N>
    text_writer& put(const char (&text)[N]) {
        make_room(N - 1);
        std::memcpy(at_, text, N - 1);
        at_ += N - 1;
        return *this;
    }
    /// Without control bytes: for values that did not come through a head reader.
    text_writer& put_clean(std::string_view text) {
        const char* at = text.data();
        const char* const end = at + text.size();
        while (at != end) {
            const char* const stop = find_control(at, end);
            put(std::string_view{at, static_cast<std::size_t>(stop - at)});
            at = stop == end ? end : stop + 1;
        }
        return *this;
    }
    text_writer& put_number(std::uint64_t number) {
        constexpr std::size_t digits_max = 20;
        make_room(digits_max);
        at_ = std::to_chars(at_, at_ + digits_max, number).ptr;
        return *this;
    }
    /// "name: value" with its line end. Lines that follow each other in what was read are copied as
    /// one.
    void put_field(const field& f) {
        if (!f.verbatim) {
            put_pending();
            put(f.name).put(": ").put(f.value).put("\r\n");
            return;
        }
        const std::size_t line_bytes = f.name.size() + f.value.size() + 4;
        if (pending_.data() + pending_.size() == f.name.data()) {
            pending_ = {pending_.data(), pending_.size() + line_bytes};
            return;
        }
        put_pending();
        pending_ = {f.name.data(), line_bytes};
    }
    /// Must be called after the last put_field and before anything else is put.
    void put_pending() {
        if (pending_.empty())
            return;
        put(pending_);
        pending_ = {};
    }

    /// How much has been written so far; for `cut`.
    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(at_ - out_.data());
    }
    /// Takes back what was written after `size`.
    void cut(std::size_t size) noexcept { at_ = out_.data() + size; }
    void finish() { out_.resize(size()); }

  private:
    void make_room(std::size_t bytes) {
        if (static_cast<std::size_t>(end_ - at_) >= bytes)
            return;
        const std::size_t used = size();
        out_.resize(used + bytes + out_.size());
        at_ = out_.data() + used;
        end_ = out_.data() + out_.size();
    }

    std::string& out_;
    char* at_;
    char* end_;
    std::string_view pending_;
};

} // namespace postern::edge
