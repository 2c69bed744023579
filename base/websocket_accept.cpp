#include "base/websocket_accept.hpp"

#include "base/check.hpp"

#include <openssl/evp.h>

#include <array>

namespace postern::base {

std::string websocket_accept(std::string_view key) {
    const std::string text = std::string{key} + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned bytes = 0;
    const int done =
        ::EVP_Digest(text.data(), text.size(), hash.data(), &bytes, EVP_sha1(), nullptr);
    POSTERN_CHECK(done == 1);
    std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> base64{};
    const int length = ::EVP_EncodeBlock(base64.data(), hash.data(), static_cast<int>(bytes));
    return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length)};
}

} // namespace postern::base
