// A Redis server in memory that knows what hosts ask of it, and nothing more. The test is the
// feeder: it publishes, trims, empties, and makes answers fail.
#pragma once

#include "sync/redis/redis_error.hpp"
#include "sync/redis/row_text.hpp"
#include "sync/redis/scripts.hpp"

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace postern::sync::redis {

inline reply text(std::string of) {
    return {.what = reply::kind::text, .text = std::move(of)};
}
inline reply array(std::vector<reply> of) {
    return {.what = reply::kind::array, .items = std::move(of)};
}

struct scripted_redis {
    std::string epoch = "e1", check = "c0", complete = "1";
    std::uint64_t number = 0;
    std::optional<std::int64_t> age_ms = 0;
    bool is_whole = true;
    std::int64_t held = 0;                    // leases
    std::map<std::string, std::string> types; // of keys; others there are none
    std::map<std::string, std::string> rows;  // with the words in front
    struct entry {
        std::uint64_t number;
        std::string check, key, row;
    };
    std::deque<entry> log;
    std::vector<std::string> cursors;
    std::vector<std::string> calls; // "look", "page 0", "XREAD 3-0", "XRANGE 3-0"
    int failing = 0;                // the next so many calls find no server
    std::function<std::optional<reply>(const std::string& call)> instead;
    std::function<void(const std::string& call)> before;

    void put(const std::string& key, const std::string& target) {
        session made;
        made.session_id = key;
        made.status = session_status::active;
        made.target = *base::ip_endpoint::parse(target);
        const std::string body = text_of(row_change{key, session_row{{made, ""}, ""}}).body;
        ++number;
        check = fmt::format("c{}", number);
        rows[key] = fmt::format("1 5 {} d 0 0 {}", number, body);
        log.push_back({number, check, key, rows[key]});
    }
    void remove(const std::string& key) {
        ++number;
        check = fmt::format("c{}", number);
        rows.erase(key);
        log.push_back({number, check, key, ""});
    }
    [[nodiscard]] std::map<std::string, std::string> bodies() const {
        std::map<std::string, std::string> out;
        for (const auto& [key, row] : rows)
            out[key] =
                std::get<session_row>(*kept_row_of(key, row)->row.now).read.record.target.text();
        return out;
    }

    static reply shown(const entry& one) {
        return array({text(fmt::format("{}-0", one.number)),
                      array({text("c"), text(one.check), text("k"), text(one.key), text("r"),
                             text(one.row)})});
    }

    reply answer(std::span<const std::string_view> words, std::string& call) {
        if (words[0] == "XREAD") {
            const std::string after{words.back()};
            call = "XREAD " + after;
            std::vector<reply> found;
            for (const entry& one : log)
                if (one.number > std::stoull(after) &&
                    found.size() < std::stoull(std::string{words[2]}))
                    found.push_back(shown(one));
            return found.empty() ? reply{} : array({array({text("log"), array(std::move(found))})});
        }
        if (words[0] == "XRANGE") {
            call = "XRANGE " + std::string{words[2]};
            std::vector<reply> found;
            for (const entry& one : log)
                if (fmt::format("{}-0", one.number) == words[2])
                    found.push_back(shown(one));
            return array(std::move(found));
        }
        if (words[0] == "TYPE") {
            call = "TYPE";
            const auto found = types.find(std::string{words[1]});
            return text(found == types.end() ? "none" : found->second);
        }
        if (words[1] == look_script().sha1) {
            call = "look";
            return array({text(epoch), text(complete), text(std::to_string(number)), text(check),
                          text(age_ms ? std::to_string(*age_ms) : "-1"), text(is_whole ? "1" : "0"),
                          text(std::to_string(held))});
        }
        if (words[1] == page_script().sha1) {
            call = "page " + std::string{words[6]};
            if (words[5] != epoch || !is_whole)
                return array({text("other")});
            // Two rows a page; the cursor stands for the last one that was given.
            const std::size_t from = std::stoull(std::string{words[6]});
            auto at = from == 0 ? rows.begin() : rows.upper_bound(cursors[from - 1]);
            std::vector<reply> found;
            for (; at != rows.end() && found.size() < 4; ++at) {
                found.push_back(text(at->first));
                found.push_back(text(at->second));
            }
            const bool is_last = at == rows.end();
            if (!is_last)
                cursors.push_back(std::prev(at)->first);
            return array({text("ok"), text(is_last ? "0" : std::to_string(cursors.size())),
                          array(std::move(found))});
        }
        call = "unknown";
        return {};
    }
};

class scripted_server final : public server {
  public:
    using server::call;
    explicit scripted_server(scripted_redis& of) : of_{of} {}
    base::result<reply> call(std::span<const std::string_view> words,
                             std::chrono::milliseconds) override {
        if (of_.failing > 0) {
            --of_.failing;
            return base::failure{redis_error::away, "scripted"};
        }
        std::string call;
        (void)of_.answer(words, call); // what it is called
        if (of_.before)
            of_.before(call);
        of_.calls.push_back(call);
        if (of_.instead)
            if (auto other = of_.instead(call)) {
                if (other->what == reply::kind::error)
                    return base::failure{redis_error::refused, other->text};
                return *other;
            }
        return of_.answer(words, call);
    }

  private:
    scripted_redis& of_;
};

} // namespace postern::sync::redis
