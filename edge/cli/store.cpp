// `postern store ...`: the store that the conf names, looked at and made.
#include "edge/cli/cli.hpp"
#include "edge/cli/text_table.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/roles.hpp"
#include "sync/dynamodb/table_setup.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <ostream>
#include <unistd.h>

namespace postern::edge {
namespace {

namespace dynamodb = sync::dynamodb;

int check_sqlite(const settings& conf, const console& to) {
    const std::string& path = conf.store.path;
    std::error_code none;
    if (!std::filesystem::exists(path, none)) {
        to.out << fmt::format("the store is sqlite {}: it is not there yet, and made when postern "
                              "starts\n",
                              shown_whole(path));
        return exit_ok;
    }
    const auto store = sync::open_sqlite_store({.path = path, .create = false});
    if (!store)
        return to.refuse(exit_failed, store.error().text());
    to.out << fmt::format("the store is sqlite {}: it can be used\n", shown_whole(path));
    return exit_ok;
}

class table_commands {
  public:
    table_commands(const settings& conf, const console& to)
        : options_{dynamodb_options_of(conf)}, to_{to} {}

    int init(bool is_dry_run) {
        auto by = account();
        if (!by)
            return to_.refuse(exit_failed, by.error().text());
        const auto found = dynamodb::check_tables((*by)->calls(), options_);
        if (found) {
            to_.out << fmt::format("table {} is there; it is compared with the conf, and not "
                                   "changed\n",
                                   options_.table);
            return tell(*found);
        }
        if (found.error().code != sync::store_error::not_found)
            return to_.refuse(exit_failed, found.error().text());
        if (is_dry_run) {
            to_.out << fmt::format(
                "there is no table {} at {}; this would be asked of CreateTable, "
                "and then ttl by {}:\n{}\n",
                options_.table, place(**by), options_.attributes[dynamodb::field::ttl],
                dynamodb::table_wanted_text(options_));
            return exit_ok;
        }
        sync::aws::real_pause waiting;
        if (const auto made = dynamodb::make_table((*by)->calls(), options_, waiting); !made)
            return to_.refuse(exit_failed, made.error().text());
        to_.out << fmt::format("made table {} at {}\n", options_.table, place(**by));
        return check_with(**by);
    }

    int check() {
        auto by = account();
        if (!by)
            return to_.refuse(exit_failed, by.error().text());
        return check_with(**by);
    }

  private:
    base::result<std::unique_ptr<sync::aws::account>> account() {
        return sync::aws::account::open(options_.account, sync::aws::process_environment(), time_,
                                        log_);
    }
    static std::string place(sync::aws::account& by) {
        return by.calls().options().endpoints[0].origin;
    }

    int check_with(sync::aws::account& by) {
        auto found = dynamodb::check_tables(by.calls(), options_);
        if (found && options_.feed == dynamodb::table_options::feed_kind::redis)
            for (auto& one : dynamodb::check_redis(options_, by.calls()))
                found->push_back(std::move(one));
        if (found)
            return tell(*found);
        if (found.error().code == sync::store_error::not_found)
            return to_.refuse(exit_failed, fmt::format("{} at {}; \"postern store init\" makes it",
                                                       found.error().what, place(by)));
        return to_.refuse(exit_failed, found.error().text());
    }

    int tell(const std::vector<dynamodb::finding>& found) {
        bool is_good = true;
        for (const dynamodb::finding& one : found) {
            const bool is_wrong = one.how == dynamodb::finding::kind::wrong;
            to_.out << fmt::format("{}  {}\n",
                                   is_wrong                                     ? "wrong "
                                   : one.how == dynamodb::finding::kind::advice ? "advice"
                                                                                : "ok    ",
                                   shown_whole(one.sentence));
            is_good = is_good && !is_wrong;
        }
        return is_good ? exit_ok : exit_failed;
    }

    const dynamodb::table_options options_;
    const console& to_;
    base::system_clock time_;
    base::log log_{STDERR_FILENO, base::log_level::warn, "postern", time_};
};

} // namespace

int run_store(const command_line& line, const settings& conf, const console& to) {
    const auto who = identity_for(conf.user);
    if (!who)
        return to.refuse(exit_failed, who.error().text());
    const acting_as user{*who};
    if (conf.store.which == store_settings::kind::sqlite)
        return check_sqlite(conf, to);
    table_commands commands{conf, to};
    return line.verb == verb::store_init ? commands.init(line.is_dry_run) : commands.check();
}

} // namespace postern::edge
