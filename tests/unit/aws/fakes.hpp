// What the parts of sync/aws are given in tests instead of the network, the clock and time.
#pragma once

#include "base/log.hpp"
#include "sync/aws/aws_error.hpp"
#include "sync/aws/client.hpp"
#include "sync/aws/credential_provider.hpp"

#include <deque>
#include <fcntl.h>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace postern::sync::aws {

/// Answers by a function, and keeps what was asked. Thread-safe as far as the function is.
class fake_http final : public http_transport {
  public:
    using handler = std::function<base::result<http_answer>(const http_request&)>;
    struct asked {
        http_request request;
        std::string body; // request.body does not live on
    };

    explicit fake_http(handler h) : handler_{std::move(h)} {}
    base::result<http_answer> send(const http_request& request,
                                   const std::stop_token& stop) override {
        if (stop.stop_requested())
            return base::failure{aws_error::cancelled, "fake"};
        {
            const std::scoped_lock lock{mutex_};
            requests.push_back({request, std::string{request.body}});
        }
        return handler_(request);
    }
    std::vector<asked> requests;

  private:
    std::mutex mutex_;
    handler handler_;
};

/// Answers in order; the last one for ever.
inline fake_http::handler in_turn(std::vector<base::result<http_answer>> answers) {
    return [answers = std::move(answers), n = std::size_t{0}](const http_request&) mutable {
        return answers[std::min(n++, answers.size() - 1)];
    };
}

inline base::result<http_answer> ok(std::string body = "{}", http_headers headers = {}) {
    return http_answer{200, std::move(headers), std::move(body)};
}
inline base::result<http_answer> answer(unsigned status, std::string body,
                                        http_headers headers = {}) {
    return http_answer{status, std::move(headers), std::move(body)};
}
/// A DynamoDB error.
inline base::result<http_answer> no(const std::string& name, const std::string& message = "m",
                                    unsigned status = 400, http_headers headers = {}) {
    return http_answer{status, std::move(headers),
                       R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + name +
                           R"(","message":")" + message + R"("})"};
}
inline base::result<http_answer> broken(aws_error e = aws_error::down) {
    return base::failure{e, "https://x: broken"};
}

/// Moves the clock instead of waiting, and keeps how long.
class fake_pause final : public pause {
  public:
    explicit fake_pause(base::manual_clock& time) : time_{time} {}
    bool wait(std::chrono::milliseconds time, const std::stop_token& stop) override {
        waits.push_back(time);
        time_.advance(time);
        return !stop.stop_requested();
    }
    std::vector<std::chrono::milliseconds> waits;

  private:
    base::manual_clock& time_;
};

/// A log that nobody reads.
inline base::log& no_log() {
    static const base::system_clock time;
    static base::log instance{::open("/dev/null", O_WRONLY | O_CLOEXEC), base::log_level::crit,
                              "test", time};
    return instance;
}

/// The code of a failed result; fails the comparison for one that is a value.
template <class Result>
aws_error error_in(const Result& r) {
    return r ? aws_error{} : static_cast<aws_error>(r.error().code.value());
}

} // namespace postern::sync::aws
