#include "edge/master/privileges.hpp"

#include "base/check.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace postern::edge {

base::result<std::optional<identity>> identity_for(const std::string& user) {
    if (user.empty() || ::geteuid() != 0)
        return std::optional<identity>{};
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr)
        return base::failure{
            make_error_code(boost::system::errc::invalid_argument),
            fmt::format(
                "user \"{}\" does not exist; make it (useradd --system {}), or name another", user,
                user)};
    identity who{user, entry->pw_uid, entry->pw_gid, {}};
    int count = 16;
    for (;;) {
        who.groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(user.c_str(), who.gid, who.groups.data(), &count) >= 0)
            break;
        if (count <= static_cast<int>(who.groups.size()))
            count *= 2;
    }
    who.groups.resize(static_cast<std::size_t>(count));
    return std::optional{std::move(who)};
}

base::result<void> become(const identity& who) {
    if (::setgroups(who.groups.size(), who.groups.data()) != 0 || ::setgid(who.gid) != 0 ||
        ::setuid(who.uid) != 0)
        return base::failure{base::last_errno(), "cannot become user " + who.name};
    // A way back would make all of this worthless.
    if (who.uid != 0)
        POSTERN_CHECK(::setuid(0) != 0);
    return {};
}

acting_as::acting_as(const std::optional<identity>& who) {
    if (!who || ::geteuid() != 0)
        return;
    const int count = ::getgroups(0, nullptr);
    groups_before_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    POSTERN_CHECK(::getgroups(count, groups_before_.data()) == count);
    POSTERN_CHECK(::setgroups(who->groups.size(), who->groups.data()) == 0);
    POSTERN_CHECK(::setegid(who->gid) == 0);
    POSTERN_CHECK(::seteuid(who->uid) == 0);
    changed_ = true;
}

acting_as::~acting_as() {
    if (!changed_)
        return;
    POSTERN_CHECK(::seteuid(::getuid()) == 0);
    POSTERN_CHECK(::setegid(::getgid()) == 0);
    POSTERN_CHECK(::setgroups(groups_before_.size(), groups_before_.data()) == 0);
}

} // namespace postern::edge
