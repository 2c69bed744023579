#include "sync/aws/curl_transport.hpp"

#include "base/check.hpp"
#include "base/utf8.hpp"
#include "sync/aws/aws_error.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <mutex>
#include <vector>

namespace postern::sync::aws {
namespace {

// Below the minute after which AWS front ends close an idle connection.
constexpr long connection_idle_s_max = 50;
// A new connection looks the name up again: endpoints move.
constexpr long connection_age_s_max = 600;
constexpr long connections_of_a_lane = 4;
constexpr int wait_ms_max = 1'000;
constexpr std::size_t header_bytes_max = 64 * 1024;

/// A write to a connection that the peer has closed raises SIGPIPE, in OpenSSL at least. It is held
/// back in this thread alone, whatever the process does with it, and taken away when it came.
class no_sigpipe {
  public:
    no_sigpipe() {
        ::sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    no_sigpipe(const no_sigpipe&) = delete;
    no_sigpipe& operator=(const no_sigpipe&) = delete;
    ~no_sigpipe() {
        const ::timespec at_once{};
        if (!was_pending_)
            while (::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
            }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    ::sigset_t pipe_{}, before_{};
    bool was_pending_ = false;
};

struct list_deleter {
    void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};
using header_list = std::unique_ptr<curl_slist, list_deleter>;

/// What libcurl's callbacks write to.
struct exchange {
    http_answer answer;
    std::size_t body_bytes_max = 0;
    std::size_t header_bytes = 0;
    bool is_too_large = false;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* of) {
    auto& e = *static_cast<exchange*>(of);
    if (count > e.body_bytes_max - e.answer.body.size()) {
        e.is_too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    e.answer.body.append(bytes, count);
    return count;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* of) {
    auto& e = *static_cast<exchange*>(of);
    std::string_view line{bytes, count};
    if (line.starts_with("HTTP/")) { // the status line of this answer, or of the next after a 1xx
        e.answer.headers.clear();
        return count;
    }
    e.header_bytes += count;
    if (e.header_bytes > header_bytes_max) {
        e.is_too_large = true;
        return 0;
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' '))
        line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
        return count;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    e.answer.headers.push_back({std::string{line.substr(0, colon)}, std::string{value}});
    return count;
}

/// Scheme and host with port, for sentences.
std::string_view origin_of(std::string_view url) {
    const std::size_t host = url.find("://");
    return url.substr(0, host == std::string_view::npos ? 0 : url.find_first_of("/?#", host + 3));
}

aws_error error_of(CURLcode code) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return aws_error::untrusted;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: // what is no HTTP at all is taken for HTTP/0.9
    case CURLE_BAD_CONTENT_ENCODING:
        return aws_error::garbage;
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return aws_error::misconfigured;
    default:
        return aws_error::down;
    }
}

} // namespace

/// A handle, and the multi handle that keeps its connections and can be woken by another thread.
struct curl_transport::lane {
    CURLM* multi = ::curl_multi_init();
    CURL* easy = ::curl_easy_init();
    char problem[CURL_ERROR_SIZE] = "";

    lane() {
        POSTERN_CHECK(multi != nullptr && easy != nullptr);
        ::curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections_of_a_lane);
    }
    lane(const lane&) = delete;
    lane& operator=(const lane&) = delete;
    ~lane() {
        ::curl_easy_cleanup(easy);
        ::curl_multi_cleanup(multi);
    }

    void set_up(const http_request& request, const curl_options& options, exchange& into);
    /// A header list with what is to be sent, and without what libcurl would add by itself.
    [[nodiscard]] static header_list headers_of(const http_request& request);
    /// Nothing: told to stop.
    [[nodiscard]] std::optional<CURLcode> run(const std::stop_token& stop);
};

class curl_transport::pool {
  public:
    explicit pool(std::size_t idle_max) : idle_max_{idle_max} {}
    [[nodiscard]] std::unique_ptr<lane> take() {
        const std::scoped_lock lock{mutex_};
        if (idle_.empty())
            return std::make_unique<lane>();
        auto last = std::move(idle_.back()); // the one whose connection was used last
        idle_.pop_back();
        return last;
    }
    void give_back(std::unique_ptr<lane> used) {
        const std::scoped_lock lock{mutex_};
        if (idle_.size() < idle_max_)
            idle_.push_back(std::move(used));
    }

  private:
    std::mutex mutex_;
    std::size_t idle_max_;
    std::vector<std::unique_ptr<lane>> idle_;
};

void curl_transport::lane::set_up(const http_request& request, const curl_options& options,
                                  exchange& into) {
    problem[0] = '\0';
    ::curl_easy_reset(easy); // keeps connections
    ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem);
    ::curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    ::curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); // the path that was signed
    ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); // no waiting for a name server on the way out
    ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    ::curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L); // x-amz-crc32 is of coded bytes
    ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_file.empty())
        ::curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    if (request.url.starts_with("http://"))
        ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
    ::curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    ::curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, connection_idle_s_max);
    ::curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, connection_age_s_max);
    ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                       std::max(static_cast<long>(request.connect_timeout.count()), 1L));
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                       std::max(static_cast<long>(request.timeout.count()), 1L));
    if (request.method != "GET") { // an empty body, too, has its Content-Length
        ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                           request.body.empty() ? "" : request.body.data());
        ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                           static_cast<curl_off_t>(request.body.size()));
        ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &into);
    ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &into);
}

header_list curl_transport::lane::headers_of(const http_request& request) {
    curl_slist* list = nullptr;
    const auto add = [&](const std::string& line) {
        curl_slist* const longer = ::curl_slist_append(list, line.c_str());
        POSTERN_CHECK(longer != nullptr);
        list = longer;
    };
    for (const http_header& h : request.headers)
        add(h.value.empty() ? h.name + ";" : h.name + ": " + h.value);
    for (const char* const name : {"Expect", "Accept", "Content-Type"})
        if (!find_header(request.headers, name))
            add(std::string{name} + ":");
    return header_list{list};
}

std::optional<CURLcode> curl_transport::lane::run(const std::stop_token& stop) {
    POSTERN_CHECK(::curl_multi_add_handle(multi, easy) == CURLM_OK);
    std::optional<CURLcode> outcome;
    {
        const std::stop_callback wake{stop, [this] { ::curl_multi_wakeup(multi); }};
        int running = 1;
        while (!stop.stop_requested() && ::curl_multi_perform(multi, &running) == CURLM_OK &&
               running > 0)
            ::curl_multi_poll(multi, nullptr, 0, wait_ms_max, nullptr);
        int left = 0;
        while (const CURLMsg* const message = ::curl_multi_info_read(multi, &left))
            if (message->msg == CURLMSG_DONE)
                outcome = message->data.result;
        if (!outcome && !stop.stop_requested())
            outcome = CURLE_OUT_OF_MEMORY; // all that curl_multi_perform itself can fail by
    }
    ::curl_multi_remove_handle(multi, easy); // closes the connection of what is not at its end
    return outcome;
}

curl_transport::curl_transport(curl_options options) : options_{std::move(options)} {
    static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    POSTERN_CHECK(ready == CURLE_OK);
    pool_ = std::make_unique<pool>(options_.idle_lanes_max);
}

curl_transport::~curl_transport() = default;

base::result<http_answer> curl_transport::send(const http_request& request,
                                               const std::stop_token& stop) {
    const std::string_view origin = origin_of(request.url);
    for (const http_header& h : request.headers)
        if (base::has_control_bytes(h.name) || base::has_control_bytes(h.value))
            return base::failure{aws_error::misconfigured,
                                 fmt::format("{}: the header {} to be sent holds a control byte",
                                             origin,
                                             base::has_control_bytes(h.name) ? "name" : h.name)};
    if (base::has_control_bytes(request.url))
        return base::failure{aws_error::misconfigured, "a URL holds a control byte"};

    const no_sigpipe quiet;
    exchange e;
    e.body_bytes_max = request.answer_bytes_max;
    std::unique_ptr<lane> on = pool_->take();
    on->set_up(request, options_, e);
    const header_list headers = lane::headers_of(request);
    ::curl_easy_setopt(on->easy, CURLOPT_HTTPHEADER, headers.get());
    const std::optional<CURLcode> code = on->run(stop);
    long status = 0;
    ::curl_easy_getinfo(on->easy, CURLINFO_RESPONSE_CODE, &status);
    const std::string problem = on->problem;
    pool_->give_back(std::move(on));

    if (!code)
        return base::failure{aws_error::cancelled, std::string{origin}};
    if (e.is_too_large)
        return base::failure{aws_error::too_large, fmt::format("{}: the answer is above {} bytes",
                                                               origin, request.answer_bytes_max)};
    if (*code != CURLE_OK)
        return base::failure{
            error_of(*code),
            fmt::format("{}: {}", origin, problem.empty() ? ::curl_easy_strerror(*code) : problem)};
    e.answer.status = static_cast<unsigned>(status);
    return std::move(e.answer);
}

} // namespace postern::sync::aws
