// The index against the plainest reading of its rules, over random confs and paths.
#include "base/route_key.hpp"
#include "edge/http/scan.hpp"
#include "edge/request/head_tree.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/session_key.hpp"
#include "tests/unit/request/conf.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>

namespace postern::edge {
namespace {

using named = std::vector<std::pair<std::string, std::string>>;

/// What the conf's patterns and the requests' paths are put together from: few, so that they meet.
class dice {
  public:
    explicit dice(unsigned seed) : random_{seed} {}

    std::size_t below(std::size_t end) { return random_() % end; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class List>
    std::string one_of(const List& list) {
        return std::string{
            *(std::begin(list) + static_cast<std::ptrdiff_t>(below(std::size(list))))};
    }

    std::string literal(bool of_path) {
        static constexpr const char* of_paths[] = {"/", "/a", "/a/", "/ab/",
                                                   "-", "b",  "a-b", "/src/"};
        static constexpr const char* of_hosts[] = {".", "-", ".a.", "a", ".example"};
        return of_path ? one_of(of_paths) : one_of(of_hosts);
    }
    /// "/a{x}/b-{y}"; each name once.
    std::string pattern(bool of_path, std::vector<std::string> names) {
        std::string out = of_path ? "/" : "";
        if (of_path && one_in(2))
            out += literal(true).substr(1);
        for (std::size_t pairs = below(3); pairs > 0 && !names.empty(); --pairs) {
            const std::size_t at = below(names.size());
            out += "{" + names[at] + "}";
            names.erase(names.begin() + static_cast<std::ptrdiff_t>(at));
            if (pairs > 1 || one_in(2))
                out += literal(of_path);
        }
        return out;
    }
    std::string text(bool of_path) {
        static constexpr const char* values[] = {
            "a", "b", "ab", "-", ".", "..", "a.b", "0123456789abcdef", "x_y~z-0123456789abcdefgh",
            "é"};
        std::string out = of_path ? "/" : "";
        for (std::size_t n = below(6); n > 0; --n)
            out += one_in(2) ? literal(of_path) : one_of(values);
        return out;
    }

  private:
    std::mt19937 random_;
};

/// Bytes of `text` that the pattern takes, its captures with them, or nothing.
std::optional<std::pair<std::size_t, named>>
taken_by(const std::vector<capture_pattern::piece>& pieces, bool whole, std::string_view text) {
    named found;
    std::size_t at = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::string_view left = text.substr(at);
        if (!pieces[i].is_capture) {
            if (!left.starts_with(pieces[i].text))
                return std::nullopt;
            at += pieces[i].text.size();
            continue;
        }
        std::size_t length = 0;
        if (i + 1 == pieces.size()) {
            length = whole ? left.size() : std::min(left.find('/'), left.size());
        } else {
            const std::string& next = pieces[i + 1].text;
            if (whole && i + 2 == pieces.size())
                length = left.ends_with(next) ? left.size() - next.size() : 0;
            else
                length = left.find(next, 1);
        }
        const std::string_view value = left.substr(0, length);
        if (length == std::string_view::npos || value.empty() || value == "." || value == ".." ||
            !std::all_of(value.begin(), value.end(), is_capture_byte))
            return std::nullopt;
        found.emplace_back(pieces[i].text, value);
        at += length;
    }
    if (whole && at != text.size())
        return std::nullopt;
    return std::pair{at, found};
}

struct answer {
    const location_settings* location = nullptr;
    named values;
    std::string prefix, rest;
    bool add_slash = false;
    bool operator==(const answer&) const = default;
};

std::ostream& operator<<(std::ostream& to, const answer& a) {
    to << (a.location == nullptr ? "none" : a.location->source) << " prefix " << a.prefix
       << " rest " << a.rest << (a.add_slash ? " add slash" : "");
    for (const auto& [name, value] : a.values)
        to << " " << name << "=" << value;
    return to;
}

std::size_t literal_bytes(const capture_pattern& of) {
    std::size_t bytes = 0;
    for (const capture_pattern::piece& p : of.pieces)
        bytes += p.is_capture ? 0 : p.text.size();
    return bytes;
}

/// Every location is tried, and the best one kept.
answer read_plainly(const std::vector<location_settings>& locations, const std::string& path) {
    using rank = std::tuple<bool, std::ptrdiff_t, std::size_t, std::size_t, bool>; // less is better
    std::optional<rank> best;
    answer out;
    const auto consider = [&](std::size_t order, std::vector<capture_pattern::piece> pieces,
                              bool whole, bool lacks_slash) {
        const location_settings& l = locations[order];
        const auto taken = taken_by(pieces, whole, path);
        const rank own{
            !l.exact, -static_cast<std::ptrdiff_t>(literal_bytes(l.path)),
            std::count_if(pieces.begin(), pieces.end(), [](const auto& p) { return p.is_capture; }),
            order, lacks_slash};
        if (!taken || (best && *best < own))
            return;
        best = own;
        std::size_t cut = l.exact ? 0 : taken->first;
        if (cut > 0 && path[cut - 1] == '/')
            --cut;
        while (cut > 0 && cut < path.size() && path[cut] != '/')
            --cut;
        const bool bare = l.handler == handler::session && !l.exact && cut == path.size();
        out = {&l, taken->second, path.substr(0, cut), path.substr(cut), lacks_slash || bare};
    };
    for (std::size_t i = 0; i < locations.size(); ++i) {
        const location_settings& l = locations[i];
        consider(i, l.path.pieces, l.exact, false);
        if (l.handler != handler::session || l.exact || l.path.text == "/" ||
            !l.path.text.ends_with('/'))
            continue;
        auto bare = l.path.pieces;
        bare.back().text.pop_back();
        if (bare.back().text.empty())
            bare.pop_back();
        consider(i, bare, true, true);
    }
    return out;
}

named values_of(const captures& found) {
    named out;
    for (const capture& c : found)
        out.emplace_back(c.name, c.value);
    return out;
}

TEST(locate_random, agrees_with_the_rules_read_plainly) {
    std::size_t found = 0, keyed = 0, with_slash = 0;
    for (unsigned seed = 0; seed < 2000; ++seed) {
        dice d{seed};
        std::vector<location_settings> locations;
        for (std::size_t n = 1 + d.below(9); n > 0; --n) {
            const std::string path = d.pattern(true, {"x", "y", "z"});
            static constexpr const char* keys[] = {"{x}", "{h}-{x}", "{x}.{g}", "k{y}@{x}",
                                                   "{z}{x}"};
            locations.push_back(d.one_in(3) ? tests::location(path, handler::fixed)
                                            : tests::session(path, d.one_of(keys)));
            locations.back().exact = d.one_in(6);
        }
        // Names of a server may capture the same in another order, and one more or less.
        const settings s = tests::conf(
            {tests::server({"{h}.{g}.both", "{g}.{h}.turned", "{h}.one", "fixed"}, locations)});
        const location_index index{s};
        located out;
        session_key key;
        for (int i = 0; i < 60; ++i) {
            const std::string host = d.one_of(std::initializer_list<const char*>{
                "H.G.both", "g.h.turned", "h.one", "fixed", "?"});
            const std::string path = d.text(true);
            SCOPED_TRACE(testing::Message() << "seed " << seed << " " << host << path);
            request_head head;
            head.host = host;
            head.path = head.target = path;
            index.locate(0, head, out);
            if (refuse_path(path) != nullptr) {
                ASSERT_EQ(out.location, nullptr);
                continue;
            }
            const named all = values_of(out.values);
            const std::size_t of_host = host.ends_with("both") || host.ends_with("turned") ? 2
                                        : host == "h.one"                                  ? 1
                                                                                           : 0;
            ASSERT_GE(all.size(), of_host);
            const answer got{out.location,
                             {all.begin() + static_cast<std::ptrdiff_t>(of_host), all.end()},
                             std::string{out.prefix},
                             std::string{out.rest},
                             out.add_slash};
            const answer expected = read_plainly(s.servers.front().locations, path);
            ASSERT_EQ(got, expected);
            found += expected.location != nullptr ? 1 : 0;
            with_slash += expected.add_slash ? 1 : 0;
            if (expected.location == nullptr || expected.location->handler != handler::session ||
                expected.add_slash)
                continue;
            session_key_of(index, out, head, key);
            std::string by_name;
            const auto fault = base::make_route_key(
                expected.location->route_key, [&](std::string_view n) { return out.value_of(n); },
                by_name);
            using kind = base::route_key_fault::kind;
            ASSERT_EQ(key.outcome, !fault                        ? key_outcome::found
                                   : fault.what == kind::missing ? key_outcome::none
                                                                 : key_outcome::refused);
            ASSERT_EQ(key.key, fault ? "" : by_name);
            keyed += fault ? 0 : 1;
        }
    }
    EXPECT_GT(found, 20000U); // the dice are not loaded
    EXPECT_GT(keyed, 1000U);
    EXPECT_GT(with_slash, 800U);
}

TEST(head_tree, finds_the_longest_start) {
    EXPECT_EQ(head_tree{}.longest_start_of("/"), head_tree::none);
    for (unsigned seed = 0; seed < 300; ++seed) {
        dice d{seed};
        std::set<std::string> distinct;
        for (std::size_t n = d.below(30); n > 0; --n)
            distinct.insert(d.text(d.one_in(2)));
        const std::vector<std::string> heads{distinct.begin(), distinct.end()};
        const head_tree tree{heads};
        for (int i = 0; i < 50; ++i) {
            const std::string text = d.text(true) + d.text(d.one_in(2));
            std::int32_t longest = head_tree::none;
            for (std::size_t h = 0; h < heads.size(); ++h)
                if (text.starts_with(heads[h]) &&
                    (longest < 0 ||
                     heads[h].size() > heads[static_cast<std::size_t>(longest)].size()))
                    longest = static_cast<std::int32_t>(h);
            ASSERT_EQ(tree.longest_start_of(text), longest) << seed << " " << text;
        }
    }
}

TEST(find_capture_end, stops_at_every_other_byte_at_every_place) {
    for (std::size_t length = 0; length < 50; ++length)
        for (std::size_t place = 0; place <= length; ++place)
            for (unsigned byte = 0; byte < 256; ++byte) {
                std::string text(length, 'a');
                if (place < length)
                    text[place] = static_cast<char>(byte);
                const char* const end = text.data() + text.size();
                const bool stops = place < length && !is_capture_byte(static_cast<char>(byte));
                ASSERT_EQ(find_capture_end(text.data(), end), stops ? text.data() + place : end)
                    << length << " " << place << " " << byte;
            }
}

} // namespace
} // namespace postern::edge
