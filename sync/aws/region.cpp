#include "sync/aws/region.hpp"

#include <fmt/format.h>

namespace postern::sync::aws {

base::result<std::string> find_region(const std::string& said, const environment& env,
                                      const profile* of, instance_metadata& instance,
                                      const std::stop_token& stop) {
    if (!said.empty())
        return said;
    for (const char* const name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (auto value = env(name))
            return std::move(*value);
    if (of != nullptr)
        if (auto value = setting(*of, "region"))
            return std::move(*value);
    auto found = instance.region(stop);
    if (found || found.error().code == aws_error::cancelled)
        return found;
    return base::failure{
        aws_error::misconfigured,
        fmt::format("no AWS region: none in the conf, AWS_REGION and AWS_DEFAULT_REGION are not "
                    "set, the profile has none, and instance metadata: {}",
                    found.error().what)};
}

} // namespace postern::sync::aws
