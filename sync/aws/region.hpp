// Which AWS region: from conf, environment, profile, or the instance that we run on.
#pragma once

#include "sync/aws/instance_metadata.hpp"
#include "sync/aws/shared_config.hpp"

#include <string>

namespace postern::sync::aws {

/// `said` where it is not empty, else AWS_REGION, AWS_DEFAULT_REGION, the profile's `region`, the
/// instance's (one question over the network). Errors: misconfigured with all that was tried;
/// cancelled.
[[nodiscard]] base::result<std::string> find_region(const std::string& said, const environment& env,
                                                    const profile* of, instance_metadata& instance,
                                                    const std::stop_token& stop);

} // namespace postern::sync::aws
