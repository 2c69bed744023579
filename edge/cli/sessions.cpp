// `postern sessions ...`: the store named in the conf, with or without a running postern, which is
// rung after a change.
#include "base/access_token.hpp"
#include "base/utf8.hpp"
#include "control/api/preview_url.hpp"
#include "edge/cli/cli.hpp"
#include "edge/cli/ring_sync.hpp"
#include "edge/cli/sessions_change.hpp"
#include "edge/cli/sessions_text.hpp"
#include "edge/cli/text_table.hpp"
#include "edge/master/access_key_file.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/roles.hpp"
#include "edge/settings/lexer.hpp"
#include "edge/settings/values.hpp"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <unistd.h>

namespace postern::edge {
namespace {

constexpr std::size_t page_sessions = 500; // read at one time
constexpr int conflicts_max = 20; // somebody else changed the record between our read and our write

class session_commands {
  public:
    session_commands(const command_line& line, const settings& conf, sync::store& store,
                     const console& to)
        : line_{line}, conf_{conf}, store_{store}, to_{to} {}

    int run() {
        switch (line_.verb) {
        case verb::sessions_list:
            return list();
        case verb::sessions_show:
            return show();
        case verb::sessions_rm:
            return remove();
        case verb::sessions_link:
            return link();
        case verb::sessions_unlink:
            return unlink();
        default:
            return set();
        }
    }

  private:
    int failed(const base::failure& error) const {
        if (error.code == sync::store_error::not_found)
            return to_.refuse(exit_failed, fmt::format("there is no session \"{}\"",
                                                       base::printable(line_.subject)));
        return to_.refuse(exit_failed, error.text());
    }

    int list() {
        std::vector<sync::session_status> states;
        if (line_.changes.status) {
            const auto status = status_named(*line_.changes.status);
            if (!status)
                return to_.refuse(exit_usage, status.error());
            states.push_back(*status);
        }
        text_table table{{"SESSION", "CLIENT", "USER", "THREAD", "STATUS", "TARGET",
                          "LAST ACTIVITY", "REQUESTS"}};
        std::string after;
        bool first = true;
        if (line_.json)
            to_.out << "[";
        for (;;) {
            const auto page = store_.list(states, page_sessions, after);
            if (!page)
                return failed(page.error());
            for (const sync::session& record : *page) {
                if (line_.changes.client && *line_.changes.client != record.client_id)
                    continue;
                if (line_.json)
                    to_.out << (first ? "\n " : ",\n ") << json_of(record);
                else
                    table.add({record.session_id, record.client_id, record.user_id,
                               record.thread_id, std::string{sync::name_of(record.status)},
                               target_text(record), time_text(record.last_activity_at_ms),
                               std::to_string(record.request_count)});
                first = false;
            }
            if (page->size() < page_sessions)
                break;
            after = page->back().session_id;
        }
        if (line_.json)
            to_.out << (first ? "]\n" : "\n]\n");
        else
            table.write(to_.out);
        return exit_ok;
    }

    int show() {
        const auto record = store_.get(line_.subject);
        if (!record)
            return failed(record.error());
        if (line_.json)
            to_.out << json_of(*record) << "\n";
        else
            to_.out << text_of(*record);
        return exit_ok;
    }

    int remove() {
        const auto done = store_.remove(line_.subject, 0);
        if (!done)
            return failed(done.error());
        ring_sync(conf_.table_path);
        to_.out << "removed " << base::printable(line_.subject) << "\n";
        return exit_ok;
    }

    int link() {
        using namespace std::chrono_literals;
        milliseconds lifetime = base::access_link_standard;
        if (line_.lifetime) {
            const auto given = duration_of(*line_.lifetime, {1s, base::access_link_longest});
            if (!given)
                return to_.refuse(exit_usage, "--for " + given.error().text);
            lifetime = *given;
        }
        if (!has_links(conf_))
            return to_.refuse(exit_failed, "no location of " + shown(conf_.file) +
                                               " has access link, so nothing would look at one");
        const auto keys = read_access_keys(conf_.access_key_file);
        if (!keys)
            return to_.refuse(exit_failed, keys.error().text());
        const auto record = store_.get(line_.subject);
        if (!record)
            return failed(record.error());
        const auto url = filled(conf_.control.preview_url, *record);
        const std::int64_t now_ms = base::to_epoch_ms(base::system_clock{}.wall());
        const std::string token =
            base::make_access_token(*keys, {.scope = record->route_key,
                                            .generation = record->access_generation,
                                            .expires_s = (now_ms + lifetime.count()) / 1000});
        to_.out << base::with_access_token(url ? *url : path_of(*record), token) << "\n";
        if (!url)
            to_.err << "postern: put the server's address before this, such as "
                       "https://edit.example.com; with preview_url in the conf's control block it "
                       "is the whole link\n";
        return exit_ok;
    }

    static std::optional<std::string> filled(const std::string& text, const sync::session& record) {
        const auto parsed = base::text_template::parse(text);
        return parsed ? control::preview_url_of(*parsed, record) : std::optional<std::string>{};
    }

    /// Where a link opens the session, by the first location that a record's names suffice for;
    /// empty: there is none.
    std::string path_of(const sync::session& record) const {
        for (const server_settings& server : conf_.servers)
            for (const location_settings& location : server.locations)
                if (location.handler == handler::session && location.access.link)
                    if (auto path = filled(location.path.text, record))
                        return *path;
        return {};
    }

    int unlink() {
        for (int tries = 0; tries < conflicts_max; ++tries) {
            auto record = store_.get(line_.subject);
            if (!record)
                return failed(record.error());
            record->access_generation = base::next_access_generation(
                record->access_generation, base::to_epoch_ms(base::system_clock{}.wall()) / 1000);
            const auto written = store_.replace(*record);
            if (written) {
                ring_sync(conf_.table_path);
                to_.out << "revoked all links to " << base::printable(line_.subject) << "\n";
                return exit_ok;
            }
            if (written.error().code != sync::store_error::conflict)
                return failed(written.error());
        }
        return often_changed();
    }

    int often_changed() const {
        return to_.refuse(exit_failed,
                          fmt::format("\"{}\" is changed by others all the time; try again",
                                      base::printable(line_.subject)));
    }

    int set() {
        for (int tries = 0; tries < conflicts_max; ++tries) {
            const auto before = store_.get(line_.subject);
            if (!before && before.error().code != sync::store_error::not_found)
                return failed(before.error());
            const std::int64_t now = base::to_epoch_ms(base::system_clock{}.wall());
            const auto wanted = before ? changed_session(*before, line_.changes, conf_, now)
                                       : new_session(line_.subject, line_.changes, conf_, now);
            if (!wanted)
                return to_.refuse(exit_usage, wanted.error().text);
            const auto written = before ? store_.replace(*wanted) : store_.insert(*wanted);
            if (written)
                return tell(*written);
            const base::error_code code = written.error().code;
            if (code != sync::store_error::conflict && code != sync::store_error::exists &&
                code != sync::store_error::not_found)
                return failed(written.error());
        }
        return often_changed();
    }

    int tell(const sync::session& record) {
        ring_sync(conf_.table_path);
        to_.out << fmt::format("{}: {}, target {}, route key {}\n",
                               base::printable(record.session_id), sync::name_of(record.status),
                               target_text(record), base::printable(record.route_key));
        const base::ip_address& target = record.target.address;
        if (!target.is_none() && !base::is_in(conf_.allow_targets, target))
            to_.err << "postern: warning: " << record.target.text()
                    << " is outside of allow_targets; requests for it are answered 502\n";
        return exit_ok;
    }

    const command_line& line_;
    const settings& conf_;
    sync::store& store_;
    const console& to_;
};

} // namespace

int run_sessions(const command_line& line, const settings& conf, const console& to) {
    // A database that root makes could not be opened by the processes of `user`.
    const auto who = identity_for(conf.user);
    if (!who)
        return to.refuse(exit_failed, who.error().text());
    const acting_as owner{*who};
    const base::system_clock time;
    base::log log{STDERR_FILENO, base::log_level::error, "postern", time};
    const auto store = store_of(conf, time, log, sync::dynamodb::lists::of_table)();
    if (!store)
        return to.refuse(exit_failed, store.error().text());
    return session_commands{line, conf, **store, to}.run();
}

} // namespace postern::edge
