// What OpenSSL asks a connection. For the sources of edge/tls alone.
#pragma once

#include "edge/tls/openssl.hpp"

#include <cstddef>

namespace postern::edge {

class tls_stream;

/// The only functions that OpenSSL calls; none of them throws.
struct tls_callbacks {
    /// A BIO (OpenSSL's stream) over the socket of `to`: reads come from it, what is written is put
    /// into the listener's scratch. False: no memory.
    [[nodiscard]] static bool attach(tls_stream& to) noexcept;

    /// SSL_CTX_set_client_hello_cb(3): the policy of the server that the client names. Before
    /// anything is made of a ticket, so that none made under another policy is taken.
    static int choose_by_name(SSL* ssl, int* alert, void*) noexcept;
    /// SSL_CTX_set_alpn_select_cb(3).
    static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_bytes,
                               const unsigned char* offered, unsigned offered_bytes,
                               void*) noexcept;

  private:
    static int read(BIO* bio, char* into, std::size_t room, std::size_t* got) noexcept;
    static int write(BIO* bio, const char* bytes, std::size_t count, std::size_t* taken) noexcept;
    static long control(BIO* bio, int command, long, void*) noexcept;
};

} // namespace postern::edge
