// Sockets, privileges, what a reload can change, and the options that the roles get.
#include "base/limits.hpp"
#include "edge/master/child_process.hpp"
#include "edge/master/listeners.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/reload.hpp"
#include "edge/master/roles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <numeric>
#include <set>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::edge {
namespace {

using base::ip_address;
using base::ip_endpoint;
using testing::ElementsAre;
using testing::HasSubstr;

ip_endpoint local(std::uint16_t port = 0, const char* address = "127.0.0.1") {
    return {*ip_address::parse(address), port};
}

base::unique_fd connected_to(const ip_endpoint& where) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(where.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    base::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
        fd.reset();
    return fd;
}

int accepted_from(int listener) {
    int count = 0;
    for (;;) {
        const base::unique_fd fd{::accept(listener, nullptr, nullptr)};
        if (!fd)
            return count;
        ++count;
    }
}

/// The same of several listeners, `all` together: who has connected may be there a moment later.
std::vector<int> accepted_from(const std::vector<int>& listeners, int all) {
    std::vector<int> counts(listeners.size(), 0);
    for (int tries = 0; tries < 10'000 && std::accumulate(counts.begin(), counts.end(), 0) < all;
         ++tries) {
        if (tries > 0)
            ::usleep(1000);
        for (std::size_t i = 0; i < listeners.size(); ++i)
            counts[i] += accepted_from(listeners[i]);
    }
    return counts;
}

TEST(listener_set, one_port_for_all_positions_also_when_the_system_chose_it) {
    listener_set set;
    const std::vector<ip_endpoint> wanted{local(0)};
    const auto bound = set.open(wanted, 3, {});
    ASSERT_TRUE(bound) << bound.error().text();
    ASSERT_EQ(bound->size(), 1U);
    EXPECT_NE((*bound)[0].port, 0);
    std::set<int> sockets;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const std::vector<int> of = set.of_position(wanted, i);
        ASSERT_EQ(of.size(), 1U);
        EXPECT_EQ(bound_to(of[0]), (*bound)[0]);
        EXPECT_TRUE(::fcntl(of[0], F_GETFD) & FD_CLOEXEC);
        EXPECT_TRUE(::fcntl(of[0], F_GETFL) & O_NONBLOCK);
        int no_delay = 0;
        socklen_t size = sizeof no_delay;
        ::getsockopt(of[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
        EXPECT_TRUE(no_delay);
        sockets.insert(of[0]);
    }
    EXPECT_EQ(sockets.size(), 3U);
    const auto again = set.open(wanted, 2, {});
    EXPECT_TRUE(again && again->empty()); // nothing is new
}

TEST(listener_set, an_address_that_is_taken_is_tried_as_often_as_allowed_and_named) {
    for (const bool shared : {false, true}) {
        const auto other =
            listen_on(local(), shared); // shared: as another postern of this user would
        const ip_endpoint taken = bound_to(other->get());
        listener_set set;
        int tries = 0;
        const auto opened = set.open({local(0), taken}, 1, [&] { return ++tries < 3; });
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, boost::system::errc::address_in_use);
        EXPECT_THAT(opened.error().what, HasSubstr(taken.text()));
        EXPECT_EQ(tries, 3);
    }
}

TEST(listener_set, an_address_that_becomes_free_is_taken) {
    auto other = listen_on(local(), false);
    const ip_endpoint taken = bound_to(other->get());
    listener_set set;
    EXPECT_TRUE(set.open({taken}, 2, [&] {
        other->reset();
        return true;
    }));
}

TEST(listener_set, a_failure_leaves_what_was_there) {
    listener_set set;
    const std::vector<ip_endpoint> first{local(0)};
    const ip_endpoint bound = (*set.open(first, 1, {}))[0];
    const auto other = listen_on(local(), false);
    EXPECT_FALSE(set.open({first[0], bound_to(other->get())}, 2, {}));
    set.keep(first, 1);
    EXPECT_TRUE(connected_to(bound));
    EXPECT_THAT(accepted_from({set.of_position(first, 0)[0]}, 1), ElementsAre(1));
}

TEST(listener_set, wildcard_and_one_address_of_it_may_stand_side_by_side) {
    const ip_endpoint free = [] {
        const auto probe = listen_on(local(), false);
        return bound_to(probe->get());
    }();
    listener_set set;
    EXPECT_TRUE(set.open({local(free.port, "0.0.0.0"), local(free.port)}, 2, {}));
    listener_set later; // the second comes with a reload: what holds the port is ours
    ASSERT_TRUE(later.open({local(0, "0.0.0.0")}, 1, {}));
    const std::uint16_t port = bound_to(later.of_position({local(0, "0.0.0.0")}, 0)[0]).port;
    EXPECT_TRUE(later.open({local(0, "0.0.0.0"), local(port)}, 1, {}));
    listener_set six;
    EXPECT_TRUE(six.open({local(0, "::1")}, 1, {}));
    EXPECT_EQ(bound_to(six.of_position({local(0, "::1")}, 0)[0]).address.text(), "::1");
}

TEST(listener_set, bad_addresses_say_why) {
    listener_set set;
    const auto nowhere = set.open({local(80, "192.0.2.7")}, 1, {});
    ASSERT_FALSE(nowhere);
    EXPECT_THAT(nowhere.error().what, HasSubstr("no interface of this host"));
}

TEST(listener_set, steering_leaves_the_others_alone_and_keep_closes_them) {
    listener_set set;
    const std::vector<ip_endpoint> wanted{local(0)};
    const ip_endpoint bound = (*set.open(wanted, 4, {}))[0];
    const auto connect_many = [&] {
        std::vector<base::unique_fd> clients;
        for (int i = 0; i < 200; ++i)
            clients.push_back(connected_to(bound));
        return clients;
    };
    const auto spread = [&](std::uint32_t positions) {
        std::vector<int> listeners;
        for (std::uint32_t i = 0; i < positions; ++i)
            listeners.push_back(set.of_position(wanted, i)[0]);
        return accepted_from(listeners, 200);
    };
    auto clients = connect_many();
    for (const int count : spread(4))
        EXPECT_GT(count, 0); // by hash: each its share
    set.steer(2);
    clients = connect_many();
    const std::vector<int> steered = spread(4);
    EXPECT_GT(steered[0], 50);
    EXPECT_GT(steered[1], 50);
    EXPECT_EQ(steered[2] + steered[3], 0);
    // A worker that is slow to close its copy gets nothing any more.
    const base::unique_fd copy{::fcntl(set.of_position(wanted, 3)[0], F_DUPFD_CLOEXEC, 3)};
    const int last = set.of_position(wanted, 2)[0];
    set.keep(wanted, 2);
    EXPECT_LT(::fcntl(last, F_GETFD), 0);
    clients = connect_many();
    const std::vector<int> kept = spread(2);
    EXPECT_EQ(kept[0] + kept[1], 200);
    EXPECT_EQ(accepted_from(copy.get()), 0);
}

TEST(listener_set, addresses_that_are_not_kept_refuse) {
    listener_set set;
    const auto bound = set.open({local(0), local(0, "127.0.0.2")}, 1, {});
    ASSERT_EQ(bound->size(), 2U);
    set.keep({local(0, "127.0.0.2")}, 1);
    EXPECT_FALSE(connected_to((*bound)[0]));
}

TEST(identity_for, root_takes_the_user_and_others_stay_who_they_are) {
    EXPECT_FALSE(*identity_for(""));
    if (::geteuid() != 0) {
        EXPECT_FALSE(*identity_for("no-such-user"));
        return;
    }
    const auto nobody = identity_for("nobody");
    EXPECT_NE((*nobody)->uid, 0U);
    EXPECT_FALSE((*nobody)->groups.empty());
    const auto none = identity_for("no-such-user");
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().what, HasSubstr("\"no-such-user\" does not exist"));
}

/// The exit code of a child that runs `duty`.
int code_of(const child_duty& duty) {
    const auto pid = fork_child(duty);
    EXPECT_TRUE(pid);
    int status = 0;
    EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(fork_child, gives_the_exit_code_and_survives_exceptions) {
    child_duty duty;
    duty.title = "sync";
    duty.run = [] { return 42; };
    EXPECT_EQ(code_of(duty), 42);
    duty.run = []() -> int { throw std::runtime_error{"expected here"}; };
    EXPECT_EQ(code_of(duty), 70);
}

TEST(fork_child, closes_all_but_what_is_kept) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const int far = ::fcntl(ends[0], F_DUPFD, 200);
    const int neighbour = ::fcntl(ends[0], F_DUPFD, far + 1);
    child_duty duty;
    duty.title = "worker 3";
    duty.keep = {far, -1, ends[1]};
    duty.run = [&] {
        for (int fd = 3; fd < 300; ++fd)
            if ((::fcntl(fd, F_GETFD) >= 0) != (fd == far || fd == ends[1]))
                return fd;
        return 0;
    };
    EXPECT_EQ(code_of(duty), 0);
    for (const int fd : {ends[0], ends[1], far, neighbour})
        ::close(fd);
}

TEST(fork_child, has_its_own_signals_title_and_bounds) {
    child_duty duty;
    duty.title = "worker 3";
    duty.killed_with_master = true;
    duty.run = [] {
        for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE})
            ::raise(number);
        sigset_t blocked;
        ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
        for (int number = 1; number < 32; ++number)
            if (::sigismember(&blocked, number) == 1)
                return 1;
        int with_parent = 0;
        ::prctl(PR_GET_PDEATHSIG, &with_parent);
        if (with_parent != SIGKILL)
            return 2;
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
            return 3;
        char name[16]{};
        ::prctl(PR_GET_NAME, name);
        return std::strcmp(name, "postern:w3") == 0 ? 0 : 4;
    };
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before);
    EXPECT_EQ(code_of(duty), 0);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST(fork_child, programs_that_it_starts_get_the_default_signals) {
    child_duty duty;
    duty.title = "control";
    duty.run = [] {
        ::execl("/bin/sh", "sh", "-c", "kill -TERM $$", nullptr);
        return 1;
    };
    EXPECT_EQ(code_of(duty), 1000 + SIGTERM);
}

TEST(fork_child, becomes_the_user_for_good) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root can become someone else";
    child_duty duty;
    duty.title = "worker 0";
    duty.who = *identity_for("nobody");
    const uid_t wanted = duty.who->uid;
    duty.run = [wanted] {
        uid_t real = 0, effective = 0, saved = 0;
        ::getresuid(&real, &effective, &saved);
        if (real != wanted || effective != wanted || saved != wanted)
            return 1;
        return ::setuid(0) == 0 ? 2 : 0;
    };
    EXPECT_EQ(code_of(duty), 0);
}

TEST(carry_over, keeps_what_only_a_restart_changes_and_nothing_else) {
    settings running;
    running.table_path = "/a";
    running.table_capacity = 10;
    running.user = "one";
    running.pid_file = "/pid";
    running.workers = 1;
    settings next = running;
    next.workers = 5;
    EXPECT_TRUE(carry_over(running, next).empty());
    EXPECT_EQ(next.workers, 5U);

    next.table_path = "/b";
    next.user = "two";
    next.pid_file = "/other";
    EXPECT_THAT(carry_over(running, next),
                ElementsAre(HasSubstr("session_table"), HasSubstr("user"), HasSubstr("pid ")));
    EXPECT_EQ(next.table_path, "/a");
    EXPECT_EQ(next.user, "one");
    EXPECT_EQ(next.pid_file, "/pid");
    EXPECT_EQ(next.workers, 5U);

    next.table_capacity = 20;
    EXPECT_THAT(carry_over(running, next), ElementsAre(HasSubstr("capacity=10")));
    EXPECT_EQ(next.table_capacity, 10U);
}

settings telling_settings() {
    using std::chrono::milliseconds;
    settings conf;
    conf.table_path = "/table";
    conf.route_key = *base::text_template::parse("{threadId}");
    conf.store.flush = milliseconds{11};
    conf.store.poll = milliseconds{12};
    conf.lifecycle.idle_timeout = milliseconds{13};
    conf.lifecycle.route_ttl = milliseconds{14};
    conf.lifecycle.history = milliseconds{15};
    conf.lifecycle.sessions_max = 16;
    conf.control.listen = local(9180);
    conf.control.preview_url = "http://x/{threadId}/";
    return conf;
}

TEST(roles, a_table_in_dynamodb_gets_its_settings) {
    namespace dynamodb = sync::dynamodb;
    using dynamodb::field;
    settings conf = telling_settings();
    EXPECT_FALSE(remote_of(conf));
    conf.store.which = store_settings::kind::dynamodb;
    EXPECT_TRUE(remote_of(conf));
    dynamodb_settings& said = conf.store.dynamodb;
    said.table = "edit-sessions";
    EXPECT_EQ(dynamodb_options_of(conf).attributes.text(), dynamodb::attribute_map{}.text());
    said.region = "eu-west-1";
    said.profile = "edge";
    said.endpoint = "http://a";
    said.streams_endpoint = "http://b";
    said.keys = {{"PK", "SESSION#{sessionId}"}, {"SK", "USER#{userId}"}};
    said.maps = {{"startedAt", "began", "milliseconds"}, {"ttl", "expires", ""}};
    said.port = 8080;
    said.containers = {{"boxes", "id", "ip", "p"}};
    said.feed_polls = true;
    said.poll_interval = std::chrono::seconds{7};
    const dynamodb::table_options got = dynamodb_options_of(conf);
    EXPECT_EQ(got.table, "edit-sessions");
    EXPECT_EQ(got.account.region, "eu-west-1");
    EXPECT_EQ(got.account.profile, "edge");
    EXPECT_EQ(got.account.endpoint, "http://a");
    EXPECT_EQ(got.account.streams_endpoint, "http://b");
    EXPECT_EQ(got.attributes.hash.prefix, "SESSION#");
    ASSERT_TRUE(got.attributes.range);
    EXPECT_EQ(got.attributes.range->of, field::user_id);
    EXPECT_EQ(got.attributes[field::started_at], "began");
    EXPECT_EQ(got.attributes.form_of(field::started_at), dynamodb::time_form::milliseconds);
    EXPECT_EQ(got.attributes.form_of(field::ttl), dynamodb::time_form::seconds);
    EXPECT_EQ(got.attributes.form_of(field::created_at), dynamodb::time_form::iso);
    EXPECT_EQ(got.attributes.port, 8080);
    EXPECT_TRUE(got.attributes.has_containers);
    ASSERT_TRUE(got.containers);
    EXPECT_EQ(got.containers->key, "id");
    EXPECT_EQ(got.containers->standard_port, 8080);
    EXPECT_EQ(got.route_key.text(), "{threadId}");
    EXPECT_EQ(got.replica_path, "/table.replica");
    EXPECT_EQ(got.feed, dynamodb::table_options::feed_kind::poll);
    EXPECT_EQ(got.poll_interval, said.poll_interval);
    said.redis =
        redis_settings{"cache", 7000, "/socket", true, "/ca", 3, "ann", "secret", "/password", 1};
    const dynamodb::table_options fleet = dynamodb_options_of(conf);
    EXPECT_EQ(fleet.feed, dynamodb::table_options::feed_kind::redis);
    EXPECT_EQ(fleet.feeders, 1U);
    EXPECT_EQ(fleet.redis.host, "cache");
    EXPECT_EQ(fleet.redis.port, 7000);
    EXPECT_EQ(fleet.redis.socket_path, "/socket");
    EXPECT_TRUE(fleet.redis.is_tls);
    EXPECT_EQ(fleet.redis.ca_file, "/ca");
    EXPECT_EQ(fleet.redis.database, 3U);
    EXPECT_EQ(fleet.redis.user, "ann");
    EXPECT_EQ(fleet.redis.password, "secret");
    EXPECT_EQ(fleet.redis.password_file, "/password");
    // Conf and sync have the same names.
    EXPECT_THAT(mapped_fields, testing::ElementsAreArray(dynamodb::field_names));
}

TEST(roles, sync_gets_its_settings) {
    const settings conf = telling_settings();
    const sync::options got = sync_options_of(conf);
    EXPECT_EQ(got.table_path, "/table");
    EXPECT_EQ(got.route_key.text(), "{threadId}");
    EXPECT_EQ(got.flush_interval, conf.store.flush);
    EXPECT_EQ(got.poll_interval, conf.store.poll);
    EXPECT_EQ(got.route_ttl, conf.lifecycle.route_ttl);
    EXPECT_EQ(got.history, conf.lifecycle.history);
}

TEST(roles, control_gets_its_settings) {
    settings conf = telling_settings();
    control::options got = control_options_of(conf, "secret");
    EXPECT_EQ(got.token, "secret");
    EXPECT_EQ(got.listen, conf.control.listen);
    EXPECT_EQ(got.table_path, "/table");
    EXPECT_EQ(got.route_key.text(), "{threadId}");
    EXPECT_EQ(got.preview_url.text(), "http://x/{threadId}/");
    EXPECT_EQ(got.idle_timeout, conf.lifecycle.idle_timeout);
    EXPECT_EQ(got.route_ttl, conf.lifecycle.route_ttl);
    EXPECT_EQ(got.history, conf.lifecycle.history);
    EXPECT_EQ(got.sessions_max, 16U);
    EXPECT_FALSE(got.has_launcher);

    launcher_settings& launcher = conf.lifecycle.launcher.emplace();
    launcher.command = {*base::text_template::parse("run"), *base::text_template::parse("{port}")};
    launcher.directory = *base::text_template::parse("/srv/{clientId}");
    launcher.environment = {{"A", *base::text_template::parse("{userId}")}};
    launcher.output_directory = "/out";
    launcher.port_first = 17;
    launcher.port_last = 18;
    launcher.probe_http = false;
    launcher.probe_path = "/health";
    launcher.ready_within = milliseconds{19};
    launcher.stop_signal = 2;
    launcher.stop_within = milliseconds{20};
    launcher.restarts_max = 21;
    launcher.restart_window = milliseconds{22};
    got = control_options_of(conf, "secret");
    ASSERT_TRUE(got.has_launcher);
    ASSERT_EQ(got.process.command.size(), 2U);
    EXPECT_EQ(got.process.command[1].text(), "{port}");
    EXPECT_EQ(got.process.directory.text(), "/srv/{clientId}");
    ASSERT_EQ(got.process.environment.size(), 1U);
    EXPECT_EQ(got.process.environment[0].second.text(), "{userId}");
    EXPECT_EQ(got.process.output_directory, "/out");
    EXPECT_EQ(got.process.port_first, 17);
    EXPECT_EQ(got.process.port_last, 18);
    EXPECT_EQ(got.process.ready.how, control::probe_options::kind::tcp);
    EXPECT_EQ(got.process.ready.path, "/health");
    EXPECT_EQ(got.process.ready.within, milliseconds{19});
    EXPECT_EQ(got.process.stop_signal, 2);
    EXPECT_EQ(got.process.stop_within, milliseconds{20});
    EXPECT_EQ(got.process.restarts_max, 21U);
    EXPECT_EQ(got.process.restart_window, milliseconds{22});
    launcher.probe_http = true;
    EXPECT_EQ(control_options_of(conf, "").process.ready.how, control::probe_options::kind::http);
}

TEST(doorbells, one_for_each_slot) {
    const auto bells = doorbells::make();
    ASSERT_TRUE(bells);
    EXPECT_EQ(bells->workers.size(), base::limits::worker_slots);
    std::set<int> distinct{bells->sync.fd()};
    for (const base::doorbell& bell : bells->workers)
        distinct.insert(bell.fd());
    EXPECT_EQ(distinct.size(), base::limits::worker_slots + 1);
}

} // namespace
} // namespace postern::edge
