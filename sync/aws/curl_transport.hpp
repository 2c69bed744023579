// HTTP by libcurl: the one file of sync that names it.
#pragma once

#include "sync/aws/http_transport.hpp"

#include <memory>
#include <string>

namespace postern::sync::aws {

struct curl_options {
    std::string ca_file;             // certificates to trust instead of the system's; may be empty
    std::size_t idle_lanes_max = 16; // kept with their connections for the next exchange
    std::string user_agent = "postern";
};

/// Keeps connections and uses them again. One exchange at a time runs on one lane (a libcurl handle
/// with connections of its own); so many threads, so many lanes. TLS: 1.2 or newer, certificate and
/// name always verified. HTTP/2 where the peer offers it. https by libcurl's conventions for
/// proxies (https_proxy, no_proxy); http always direct, as it is for addresses on this host or
/// link.
class curl_transport final : public http_transport {
  public:
    explicit curl_transport(curl_options options);
    ~curl_transport() override;
    curl_transport(const curl_transport&) = delete;
    curl_transport& operator=(const curl_transport&) = delete;

    [[nodiscard]] base::result<http_answer> send(const http_request& request,
                                                 const std::stop_token& stop) override;

  private:
    struct lane;
    class pool;
    curl_options options_;
    std::unique_ptr<pool> pool_;
};

} // namespace postern::sync::aws
