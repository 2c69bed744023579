#include "edge/pages/pages.hpp"

#include "base/check.hpp"
#include "base/file.hpp"
#include "edge/pages/built_in_pages.hpp"

#include <charconv>

namespace postern::edge {
namespace {

constexpr std::size_t page_bytes_max = 1024 * 1024;
constexpr std::size_t values_bytes_expected = 256; // of all that is put into one page

struct slot {
    std::string_view name;
    page_slot which;
};
constexpr std::array slots{
    slot{"session_id", page_slot::session_id},
    slot{"prefix", page_slot::prefix},
    slot{"reason", page_slot::reason},
    slot{"status", page_slot::status},
    slot{"wake", page_slot::wake},
    slot{"waited_ms", page_slot::waited_ms},
};

/// What stands for a byte in HTML; empty: the byte itself.
constexpr std::string_view entity_of(char c) noexcept {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return {};
    }
}

void append_escaped(std::string& out, std::string_view text) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view entity = entity_of(text[i]);
        if (entity.empty())
            continue;
        out.append(text, done, i - done).append(entity);
        done = i + 1;
    }
    out.append(text, done);
}

void append_number(std::string& out, std::int64_t number) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

std::string_view name_of(wake_mode mode) noexcept {
    switch (mode) {
    case wake_mode::auto_:
        return "auto";
    case wake_mode::button:
        return "button";
    case wake_mode::off:
        break;
    }
    return "off";
}

void append_value(std::string& out, page_slot which, const page_values& values) {
    switch (which) {
    case page_slot::session_id:
        return append_escaped(out, values.session_id);
    case page_slot::prefix:
        return append_escaped(out, values.prefix);
    case page_slot::reason:
        return append_escaped(out, values.reason);
    case page_slot::status:
        return append_number(out, values.status);
    case page_slot::wake:
        out += name_of(values.wake);
        return;
    case page_slot::waited_ms:
        return append_number(out, values.waited_ms);
    case page_slot::none:
        return;
    }
}

/// Cuts HTML at its {{names}}. Names that are none of ours stay as they are written.
std::vector<page_piece> cut(std::string_view html) {
    std::vector<page_piece> pieces;
    std::string text;
    for (std::size_t at = 0; at < html.size();) {
        const std::size_t open = html.find("{{", at);
        text += html.substr(at, open - at);
        if (open == std::string_view::npos)
            break;
        const std::string_view left = html.substr(open + 2);
        page_slot found = page_slot::none;
        std::size_t name_bytes = 0;
        for (const slot& s : slots) {
            if (!left.starts_with(s.name) || left.substr(s.name.size(), 2) != "}}")
                continue;
            found = s.which;
            name_bytes = s.name.size();
        }
        if (found == page_slot::none) {
            text += "{{";
            at = open + 2;
        } else {
            pieces.push_back({std::exchange(text, {}), found});
            at = open + 2 + name_bytes + 2;
        }
    }
    if (!text.empty())
        pieces.push_back({std::move(text), page_slot::none});
    return pieces;
}

} // namespace

page_set::page_set() {
    for (std::size_t i = 0; i < pages_.size(); ++i)
        pages_[i] = cut(built_in_pages[i]);
}

void page_set::render(page which, const page_values& values, std::string& out) const {
    POSTERN_CHECK(which < page::count_);
    const auto& pieces = pages_[static_cast<std::size_t>(which)];
    std::size_t bytes = values_bytes_expected;
    for (const page_piece& p : pieces)
        bytes += p.text.size();
    out.reserve(out.size() + bytes);
    for (const page_piece& p : pieces) {
        out += p.text;
        append_value(out, p.then, values);
    }
}

base::result<void> page_set::load(page which, const std::string& file) {
    POSTERN_CHECK(which < page::count_);
    auto html = base::read_file(file, page_bytes_max);
    if (!html)
        return html.error();
    pages_[static_cast<std::size_t>(which)] = cut(*html);
    return {};
}

base::result<page_sets> load_page_sets(const settings& conf) {
    page_sets sets;
    for (const server_settings& server : conf.servers)
        for (const location_settings& location : server.locations)
            for (std::size_t i = 0; i < static_cast<std::size_t>(page::count_); ++i) {
                const std::string& file = location.pages[i];
                if (file.empty())
                    continue;
                if (auto loaded = sets[&location].load(static_cast<page>(i), file); !loaded)
                    return loaded.error();
            }
    return sets;
}

} // namespace postern::edge
