#include "sync/feed/position.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view format_word = "streams1";
constexpr std::size_t hash_digits = 16;
constexpr std::size_t sequence_digits_max = 64; // 40 in DynamoDB
constexpr auto clock_slack = 5min;              // a position may be this far ahead of the clock

template <class Number>
bool read_number(std::string_view text, Number& into, int base = 10) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
    return error == std::errc{} && end == text.data() + text.size();
}

bool is_sequence(std::string_view text) {
    return !text.empty() && text.size() <= sequence_digits_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_word(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Takes the words of a text one by one.
class words {
  public:
    explicit words(std::string_view text) : left_{text} {}
    /// Empty: there is none, or it holds what no word may.
    std::string_view next() {
        if (is_done_)
            return {};
        const std::size_t space = left_.find(' ');
        const std::string_view word = left_.substr(0, space);
        is_done_ = space == std::string_view::npos;
        left_.remove_prefix(is_done_ ? left_.size() : space + 1);
        return is_word(word) ? word : std::string_view{};
    }
    [[nodiscard]] bool is_done() const { return is_done_; }

  private:
    std::string_view left_;
    bool is_done_ = false;
};

bool read_shard(words& from, stream_position::shard& into) {
    const std::string_view id = from.next(), parent = from.next(), place = from.next();
    if (id.empty() || parent.empty() || place.empty())
        return false;
    into.id = id;
    if (parent != "-")
        into.parent = parent;
    if (place == "T") {
        into.place = iterator_at::trim_horizon;
    } else if (place == "L") {
        into.place = iterator_at::latest;
    } else {
        into.place = iterator_at::after_sequence;
        into.last = place;
        return is_sequence(place);
    }
    return true;
}

bool read_hashes(std::string_view text, std::vector<std::uint64_t>& into) {
    if (text == "-")
        return true;
    if (text.empty() || text.size() % hash_digits != 0)
        return false;
    into.resize(text.size() / hash_digits);
    for (std::size_t i = 0; i < into.size(); ++i)
        if (!read_number(text.substr(i * hash_digits, hash_digits), into[i], 16))
            return false;
    return true;
}

std::string_view without_zeros(std::string_view digits) {
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

} // namespace

std::string text_of(const stream_position& written) {
    fmt::memory_buffer text;
    const auto out = fmt::appender(text);
    fmt::format_to(out, "{} {} {} {}", format_word, written.arn, written.at_ms,
                   written.open.size());
    for (const auto& one : written.open)
        fmt::format_to(out, " {} {} {}", one.id, one.parent.empty() ? "-" : one.parent,
                       one.place == iterator_at::latest         ? "L"
                       : one.place == iterator_at::trim_horizon ? "T"
                                                                : one.last);
    fmt::format_to(out, " ");
    for (const std::uint64_t one : written.finished)
        fmt::format_to(out, "{:016x}", one);
    if (written.finished.empty())
        fmt::format_to(out, "-");
    return fmt::to_string(text);
}

std::optional<stream_position> stream_position_of(std::string_view text) {
    words from{text};
    stream_position read;
    std::size_t count = 0;
    if (from.next() != format_word)
        return std::nullopt;
    read.arn = from.next();
    if (read.arn.empty() || !read_number(from.next(), read.at_ms) || read.at_ms < 0 ||
        !read_number(from.next(), count) || count > text.size())
        return std::nullopt;
    read.open.resize(count);
    for (auto& one : read.open)
        if (!read_shard(from, one))
            return std::nullopt;
    if (!read_hashes(from.next(), read.finished) || !from.is_done())
        return std::nullopt;
    // Leading zeros and the like: what this program did not write it does not go on from.
    return text_of(read) == text ? std::optional{std::move(read)} : std::nullopt;
}

std::string resume_obstacle(std::string_view text, std::string_view arn, std::int64_t now_ms,
                            std::chrono::milliseconds within) {
    if (text.empty())
        return "the replica is new";
    if (text == loading_position)
        return "the last snapshot did not come to its end";
    const auto read = stream_position_of(text);
    if (!read)
        return "the kept position cannot be read";
    if (read->arn != arn)
        return "the table has another stream now";
    const std::chrono::milliseconds age{now_ms - read->at_ms};
    if (age >= within || age < -clock_slack)
        return fmt::format("the kept position is {} min old",
                           std::chrono::duration_cast<std::chrono::minutes>(age).count());
    for (const auto& one : read->open)
        if (one.place == iterator_at::latest)
            return fmt::format("no record of the shard {} was read yet", one.id);
    return {};
}

std::uint64_t shard_hash(std::string_view id) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a
    for (const char c : id)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash ^= hash >> 32; // its high bits are weak for ids that differ at their end
    return hash * 0x9e3779b97f4a7c15;
}

bool is_after(std::string_view sequence, std::string_view other) noexcept {
    sequence = without_zeros(sequence);
    other = without_zeros(other);
    return sequence.size() != other.size() ? sequence.size() > other.size() : sequence > other;
}

} // namespace postern::sync
