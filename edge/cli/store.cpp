// `postern store ...`: the store that the conf names, looked at and made.
#include "base/utf8.hpp"
#include "edge/cli/cli.hpp"
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
                              base::printable(path));
        return exit_ok;
    }
    const auto store = sync::open_sqlite_store({.path = path, .create = false});
    if (!store)
        return to.refuse(exit_failed, store.error().text());
    to.out << fmt::format("the store is sqlite {}: it can be used\n", base::printable(path));
    return exit_ok;
}

class table_commands {
    using findings = std::vector<dynamodb::finding>;

  public:
    table_commands(const settings& conf, const console& to)
        : options_{dynamodb_options_of(conf)}, to_{to} {}

    int init(bool is_dry_run) {
        auto by = account();
        if (!by)
            return to_.refuse(exit_failed, by.error().text());
        findings all;
        for (const dynamodb::table_of which : dynamodb::tables_of(options_)) {
            const std::string& name = dynamodb::name_of(options_, which);
            auto found = dynamodb::check_table((*by)->calls(), options_, which);
            if (found) {
                to_.out << fmt::format("table {} is there; it is compared with the conf, and not "
                                       "changed\n",
                                       name);
            } else if (found.error().code != sync::store_error::not_found) {
                return fail_after(all, found.error());
            } else if (is_dry_run) {
                say_what_is_made(**by, which);
                continue;
            } else {
                sync::aws::real_pause waiting;
                if (const auto made =
                        dynamodb::make_table((*by)->calls(), options_, which, waiting);
                    !made)
                    return fail_after(all, made.error());
                to_.out << fmt::format("made table {} at {}\n", name, place(**by));
                found = dynamodb::check_table((*by)->calls(), options_, which);
                if (!found)
                    return fail_after(all, found.error());
            }
            add(*found, all);
        }
        if (!is_dry_run)
            add(about_redis((*by)->calls()), all);
        else if (has_redis())
            to_.out << fmt::format("{}: feeders make their keys there themselves; a dry run does "
                                   "not look there, \"postern store check\" does\n",
                                   sync::redis::name_of(options_.redis));
        return tell(all);
    }

    int check() {
        auto by = account();
        if (!by)
            return to_.refuse(exit_failed, by.error().text());
        findings all;
        std::vector<std::string> missing;
        for (const dynamodb::table_of which : dynamodb::tables_of(options_)) {
            auto found = dynamodb::check_table((*by)->calls(), options_, which);
            if (found)
                add(*found, all);
            else if (found.error().code != sync::store_error::not_found)
                return fail_after(all, found.error());
            else
                missing.push_back(found.error().what);
        }
        add(about_redis((*by)->calls()), all);
        const int told = tell(all);
        return missing.empty() ? told
                               : to_.refuse(exit_failed,
                                            fmt::format("{} at {}; \"postern store init\" makes {}",
                                                        fmt::join(missing, ", and "), place(**by),
                                                        missing.size() == 1 ? "it" : "them"));
    }

  private:
    base::result<std::unique_ptr<sync::aws::account>> account() {
        return sync::aws::account::open(options_.account, sync::aws::process_environment(), time_,
                                        log_);
    }
    static std::string place(sync::aws::account& by) {
        return by.calls().options().endpoints[0].origin;
    }

    void say_what_is_made(sync::aws::account& by, dynamodb::table_of which) {
        to_.out << fmt::format(
            "there is no table {} at {}; this would be asked of CreateTable{}:\n{}\n",
            dynamodb::name_of(options_, which), place(by),
            which == dynamodb::table_of::sessions
                ? fmt::format(", and then ttl by {}", options_.attributes[dynamodb::field::ttl])
                : "",
            dynamodb::table_wanted_text(options_, which));
    }

    [[nodiscard]] bool has_redis() const {
        return options_.feed == dynamodb::table_options::feed_kind::redis;
    }
    [[nodiscard]] findings about_redis(const sync::aws::client& calls) const {
        return has_redis() ? dynamodb::check_redis(options_, calls) : findings{};
    }

    static void add(const findings& more, findings& to) {
        to.insert(to.end(), more.begin(), more.end());
    }

    /// What was found until then is told all the same.
    int fail_after(const findings& found, const base::failure& why) {
        static_cast<void>(tell(found));
        return to_.refuse(exit_failed, why.text());
    }

    int tell(const findings& found) {
        bool is_good = true;
        for (const dynamodb::finding& one : found) {
            const bool is_wrong = one.how == dynamodb::finding::kind::wrong;
            to_.out << fmt::format("{}  {}\n",
                                   is_wrong                                     ? "wrong "
                                   : one.how == dynamodb::finding::kind::advice ? "advice"
                                                                                : "ok    ",
                                   base::printable(one.sentence));
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
