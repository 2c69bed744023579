#include "sync/aws/profile_credentials.hpp"

#include "sync/aws/child_output.hpp"
#include "sync/aws/container_credentials.hpp"
#include "sync/aws/credential_document.hpp"
#include "sync/aws/environment_credentials.hpp"
#include "sync/aws/instance_metadata.hpp"
#include "sync/aws/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::sync::aws {
namespace {

std::optional<credentials> static_key_of(const std::string& name, const profile& p) {
    const auto key = setting(p, "aws_access_key_id"), secret = setting(p, "aws_secret_access_key");
    if (!key || !secret)
        return std::nullopt;
    return credentials{
        *key, *secret, setting(p, "aws_session_token").value_or(""), {}, "profile " + name};
}

base::failure in_profile(const std::string& name, std::string_view what) {
    return unusable(fmt::format("profile {}: {}", name, what));
}

base::result<role_wish> wish_of(const std::string& name, const profile& p) {
    role_wish wish{*setting(p, "role_arn")};
    wish.session_name = setting(p, "role_session_name").value_or(wish.session_name);
    wish.external_id = setting(p, "external_id").value_or("");
    if (setting(p, "mfa_serial"))
        return in_profile(name, "mfa_serial asks for a person's device; a server needs a role "
                                "without it");
    if (const auto duration = setting(p, "duration_seconds")) {
        const auto [end, problem] =
            std::from_chars(duration->data(), duration->data() + duration->size(), wish.duration_s);
        if (problem != std::errc{} || end != duration->data() + duration->size() ||
            wish.duration_s < 900 || wish.duration_s > 43'200)
            return in_profile(name, "duration_seconds is none of 900 to 43200");
    }
    return wish;
}

} // namespace

struct profile_credentials::search {
    const shared_config& files;
    const std::stop_token& stop;
    std::vector<std::string> seen{}; // profiles on the way here
};

base::result<credentials> profile_credentials::find(const std::stop_token& stop) {
    const auto files = shared_config::load(parts_.env);
    if (!files)
        return files.error();
    if (files->find(profile_) == nullptr) {
        const std::string why =
            fmt::format("no profile {} in {}", profile_,
                        files->paths().empty() ? "any file: HOME is not set" : files->paths());
        return is_chosen_ ? unusable(why) : nothing_here(why);
    }
    search s{*files, stop};
    return of_profile(s, profile_);
}

base::result<credentials> profile_credentials::of_profile(search& s, const std::string& name) {
    const profile* const p = s.files.find(name);
    if (p == nullptr)
        return unusable(fmt::format("no profile {}, which source_profile names", name));
    const bool was_here = std::find(s.seen.begin(), s.seen.end(), name) != s.seen.end();
    s.seen.push_back(name);
    // A role may take its own profile's static key for its source.
    if (setting(*p, "role_arn") && !was_here)
        return of_role(s, name, *p);
    if (auto found = static_key_of(name, *p))
        return std::move(*found);
    if (was_here)
        return in_profile(name, "source_profile leads back to it, and it has no static key");
    if (const auto command = setting(*p, "credential_process"))
        return of_process(s, name, *command);
    if (setting(*p, "sso_session") || setting(*p, "sso_start_url"))
        return in_profile(name, "single sign-on is for people; a server needs a role, a key or "
                                "credential_process");
    return s.seen.size() > 1
               ? in_profile(name, "source_profile names it, and it has no credentials")
               : nothing_here(fmt::format("profile {} has no credentials", name));
}

base::result<credentials> profile_credentials::of_role(search& s, const std::string& name,
                                                       const profile& p) {
    const auto wish = wish_of(name, p);
    if (!wish)
        return wish.error();
    if (const auto file = setting(p, "web_identity_token_file"))
        return assume_role_with_web_identity(parts_, sts_, *wish, *file, s.stop);
    const auto source = of_source(s, name, p);
    if (!source) // what a role needs must be there
        return source.error().code == aws_error::no_credentials
                   ? in_profile(name, source.error().what)
                   : source.error();
    return assume_role(parts_, sts_, *wish, *source, s.stop);
}

base::result<credentials> profile_credentials::of_source(search& s, const std::string& name,
                                                         const profile& p) {
    if (const auto source = setting(p, "source_profile"))
        return of_profile(s, *source);
    const auto kind = setting(p, "credential_source");
    if (kind == "Environment")
        return environment_credentials{parts_.env}.find(s.stop);
    if (kind == "Ec2InstanceMetadata")
        return instance_credentials{parts_}.find(s.stop);
    if (kind == "EcsContainer")
        return container_credentials{parts_}.find(s.stop);
    return in_profile(name, kind ? "credential_source is none of Environment, Ec2InstanceMetadata "
                                   "and EcsContainer"
                                 : "role_arn needs source_profile, credential_source or "
                                   "web_identity_token_file");
}

base::result<credentials> profile_credentials::of_process(search& s, const std::string& name,
                                                          const std::string& command) {
    const auto words = words_of(command);
    if (!words || words->empty())
        return in_profile(name, "credential_process has an open quote, or no word");
    const auto output = output_of(*words, {}, s.stop);
    if (!output)
        return base::failure{output.error().code, fmt::format("profile {}: credential_process: {}",
                                                              name, output.error().what)};
    auto found = credentials_of_document(*output, "profile " + name);
    if (!found)
        return in_profile(name, "credential_process: " + found.error().what);
    const auto document = parse_json(*output);
    if (!document->contains("Version") || (*document)["Version"] != 1)
        return in_profile(name, "credential_process: its Version is not 1");
    return found;
}

} // namespace postern::sync::aws
