// From the bytes of an answer to its text: the service's checksum, and gzip.
#pragma once

#include "sync/aws/http_transport.hpp"

#include <cstdint>
#include <string>

namespace postern::sync::aws {

/// Takes the body out of `answer`. x-amz-crc32, where it stands there, is zlib's CRC-32 of the
/// bytes as they came, with gzip of the compressed ones. Errors: garbage (another sum, broken gzip,
/// another coding), too_large (above `bytes_max` once it is unpacked).
[[nodiscard]] base::result<std::string> take_body_of(http_answer& answer, std::size_t bytes_max);

[[nodiscard]] std::uint32_t crc32_of(std::string_view bytes) noexcept;

} // namespace postern::sync::aws
