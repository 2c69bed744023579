#include "control/launch/prober.hpp"

#include "base/check.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace postern::control {
namespace {

constexpr std::size_t body_bytes_max =
    64 * 1024; // enough to let a page render; the status is all we want
constexpr long connect_timeout_ms = 2000;

struct easy_deleter {
    void operator()(CURL* easy) const noexcept { ::curl_easy_cleanup(easy); }
};
struct list_deleter {
    void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};

std::size_t take_body(char*, std::size_t size, std::size_t count, void* taken) noexcept {
    auto& total = *static_cast<std::size_t*>(taken);
    total += size * count;
    return total <= body_bytes_max ? size * count : 0; // 0 ends the transfer; its status stays
}

struct probe {
    std::unique_ptr<CURL, easy_deleter> easy;
    std::unique_ptr<curl_slist, list_deleter> headers;
    std::size_t taken = 0;
    bool is_http = true;
};

void set_up(probe& p, const base::ip_endpoint& target, const probe_options& how,
            std::chrono::milliseconds within) {
    CURL* const easy = p.easy.get();
    const std::string path = how.path.starts_with('/') ? how.path : "/" + how.path;
    const std::string url = "http://" + target.text() + (p.is_http ? path : "/");
    ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
                       1L); // a kept connection would outlive its target
    ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, std::max(static_cast<long>(within.count()), 1L));
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &p.taken);
    if (!p.is_http) {
        ::curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
        return;
    }
    p.headers.reset(
        ::curl_slist_append(nullptr, fmt::format("Host: localhost:{}", target.port).c_str()));
    ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p.headers.get());
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, "postern-probe");
}

probe_result result_of(std::string key, const probe& p, CURLcode code) {
    probe_result result{std::move(key), false, {}};
    long status = 0;
    ::curl_easy_getinfo(p.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (p.is_http && status > 0) {
        result.good = status < 500;
        result.problem = fmt::format("answered {}", status);
    } else if (code == CURLE_OK && !p.is_http) {
        result.good = true;
    } else if (code == CURLE_COULDNT_CONNECT) {
        result.problem = "refused the connection";
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        result.problem = "did not answer in time";
    } else if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR) {
        result.problem = "closed the connection without an answer";
    } else {
        result.problem = fmt::format("gave no HTTP answer ({})", ::curl_easy_strerror(code));
    }
    return result;
}

} // namespace

struct prober::state {
    CURLM* multi = nullptr;
    std::map<std::string, probe, std::less<>> probes;

    void drop(std::map<std::string, probe, std::less<>>::iterator at) {
        ::curl_multi_remove_handle(multi, at->second.easy.get());
        probes.erase(at);
    }
};

prober::prober() : state_{std::make_unique<state>()} {
    // Once a process; made by the lifecycle thread before any other thread could use curl.
    static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    POSTERN_CHECK(ready == CURLE_OK);
    state_->multi = ::curl_multi_init();
    POSTERN_CHECK(state_->multi != nullptr);
}

prober::~prober() {
    while (!state_->probes.empty())
        state_->drop(state_->probes.begin());
    ::curl_multi_cleanup(state_->multi);
}

void prober::begin(std::string_view key, const base::ip_endpoint& target, const probe_options& how,
                   std::chrono::milliseconds within) {
    cancel(key);
    probe& p = state_->probes[std::string{key}];
    p.easy.reset(::curl_easy_init());
    POSTERN_CHECK(p.easy != nullptr);
    p.is_http = how.how == probe_options::kind::http;
    set_up(p, target, how, within);
    ::curl_multi_add_handle(state_->multi, p.easy.get());
}

void prober::cancel(std::string_view key) {
    if (const auto at = state_->probes.find(key); at != state_->probes.end())
        state_->drop(at);
}

bool prober::busy(std::string_view key) const {
    return state_->probes.contains(key);
}

std::vector<probe_result> prober::wait(std::span<::pollfd> also,
                                       std::chrono::milliseconds timeout) {
    std::vector<curl_waitfd> extra;
    extra.reserve(also.size());
    for (const ::pollfd& p : also)
        extra.push_back({p.fd, CURL_WAIT_POLLIN, 0});
    int running = 0;
    ::curl_multi_perform(state_->multi, &running);
    ::curl_multi_poll(state_->multi, extra.data(), static_cast<unsigned>(extra.size()),
                      static_cast<int>(std::max<std::int64_t>(timeout.count(), 0)), nullptr);
    for (std::size_t i = 0; i < extra.size(); ++i)
        also[i].revents = extra[i].revents;
    ::curl_multi_perform(state_->multi, &running);

    std::vector<probe_result> results;
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(state_->multi, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode code = message->data.result;
        const auto at =
            std::find_if(state_->probes.begin(), state_->probes.end(), [&](const auto& entry) {
                return entry.second.easy.get() == message->easy_handle;
            });
        if (at == state_->probes.end())
            continue;
        results.push_back(result_of(at->first, at->second, code));
        state_->drop(at);
    }
    return results;
}

} // namespace postern::control
