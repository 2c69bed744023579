// Environment variables as an argument, so that tests have their own.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace postern::sync::aws {

/// The variable's value; nothing where it is not set or empty, which AWS's tools take for the same.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// This process's own. Not while another thread changes it.
[[nodiscard]] environment process_environment();
[[nodiscard]] environment fixed_environment(std::map<std::string, std::string> values);
/// Whether it is "true", whatever its case.
[[nodiscard]] bool is_true(const environment& env, const std::string& name);

} // namespace postern::sync::aws
