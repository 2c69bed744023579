// The files ~/.aws/config and ~/.aws/credentials. Source: AWS SDKs and Tools reference, "Shared
// config and credentials files".
#pragma once

#include "base/error.hpp"
#include "sync/aws/environment.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::aws {

/// Settings of one profile by name, in small letters. Blocks of settings below a name are left out.
using profile = std::map<std::string, std::string, std::less<>>;

/// The value, or nothing.
[[nodiscard]] std::optional<std::string> setting(const profile& of, std::string_view name);

enum class config_kind {
    config,      // [default], [profile NAME]; other sections are not profiles
    credentials, // [NAME]
};

/// Both files together; what stands in the credentials file goes first.
class shared_config {
  public:
    /// Adds one file's text. Errors: misconfigured, naming `path` and the line.
    [[nodiscard]] base::result<void> add(config_kind kind, std::string_view text,
                                         std::string_view path);
    /// From where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say, or HOME. A file that is not
    /// there is an empty one; so is one below HOME that may not be read. Errors: misconfigured:
    /// cannot be read, above 1 MiB, not the format.
    [[nodiscard]] static base::result<shared_config> load(const environment& env);

    /// Null: no such profile.
    [[nodiscard]] const profile* find(std::string_view name) const;
    /// The files looked for, for people.
    [[nodiscard]] const std::string& paths() const noexcept { return paths_; }

  private:
    std::map<std::string, profile, std::less<>> profiles_;
    std::string paths_;
};

} // namespace postern::sync::aws
