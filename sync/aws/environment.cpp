#include "sync/aws/environment.hpp"

#include <cstdlib>
#include <strings.h>

namespace postern::sync::aws {

environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* const value = std::getenv(name.c_str());
        return value == nullptr || *value == '\0' ? std::nullopt
                                                  : std::optional<std::string>{value};
    };
}

environment fixed_environment(std::map<std::string, std::string> values) {
    return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
        const auto at = values.find(name);
        return at == values.end() || at->second.empty() ? std::nullopt : std::optional{at->second};
    };
}

bool is_true(const environment& env, const std::string& name) {
    const auto value = env(name);
    return value && ::strcasecmp(value->c_str(), "true") == 0;
}

} // namespace postern::sync::aws
