// The bearer token that the session API asks for.
#pragma once

#include <string_view>

namespace postern::control {

/// True when `authorization` is "Bearer TOKEN". Takes the same time wherever the two differ. Never
/// true for an empty token.
[[nodiscard]] bool bears_token(std::string_view authorization, std::string_view token);

} // namespace postern::control
