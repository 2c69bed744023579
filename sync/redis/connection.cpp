#include "sync/redis/connection.hpp"

#include "base/file.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace postern::sync::redis {

using base::failure;
using base::result;

namespace {

constexpr std::size_t password_bytes_max = 4'096;
constexpr std::size_t error_bytes_shown = 300;
constexpr std::size_t first_bytes_shown = 16;

std::string sha1_of(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
    std::string hex;
    for (unsigned i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

class connection final : public server {
  public:
    using server::call;
    connection(const server_options& to, base::doorbell stopped, const std::stop_token& stop)
        : to_{to}, stopped_{std::move(stopped)}, on_stop_{stop, [this] { stopped_.ring(); }},
          reader_{{to.answer_bytes_max, to.answer_parts_max}} {}

    result<void> open() {
        const auto until = std::chrono::steady_clock::now() + to_.connect_timeout;
        auto stream = open_stream(to_, stopped_.fd(), until);
        if (!stream)
            return named(stream.error());
        stream_ = std::move(*stream);
        if (auto shown = show_password(); !shown)
            return shown;
        if (to_.database == 0)
            return {};
        const auto chosen = call({"SELECT", std::to_string(to_.database)});
        return chosen ? result<void>{} : chosen.error();
    }

    result<reply> call(std::span<const std::string_view> words,
                       std::chrono::milliseconds waits) override {
        auto answer = exchange(words, waits);
        if (!answer) {
            stream_.reset();
            return named(has_answered_ ? answer.error() : at_first(answer.error()));
        }
        has_answered_ = true;
        if (answer->what != reply::kind::error)
            return answer;
        // What a server says whose part has changed goes for the whole connection.
        return failure{redis_error::refused,
                       fmt::format("{}: {}: {}", name_of(to_), words.front(),
                                   answer->text.substr(0, error_bytes_shown))};
    }

  private:
    failure named(const failure& why) const {
        return {why.code,
                why.what.empty() ? name_of(to_) : fmt::format("{}: {}", name_of(to_), why.what)};
    }

    /// What goes wrong before any answer may not be a Redis, or not one without TLS.
    failure at_first(const failure& why) const {
        if (why.code == redis_error::strange)
            return {why.code,
                    fmt::format("what answers there is no Redis, it says \"{}\"", first_)};
        if (!to_.is_tls && why.code == redis_error::away)
            return {why.code,
                    fmt::format("{}; is it a port with TLS? rediss:// is for those", why.what)};
        return why;
    }

    result<void> show_password() {
        std::string password = to_.password;
        if (!to_.password_file.empty()) {
            const auto read = base::read_file(to_.password_file, password_bytes_max);
            if (!read)
                return named(
                    {redis_error::refused, fmt::format("its password file {}: {}",
                                                       to_.password_file, read.error().text())});
            password = read->substr(0, read->find_first_of("\r\n"));
            // Not the way in without one: a secret that is not mounted looks like this.
            if (password.empty())
                return named({redis_error::refused, fmt::format("its password file {} begins with "
                                                                "an empty line, or is empty",
                                                                to_.password_file)});
        }
        if (password.empty())
            return {};
        const auto shown =
            to_.user.empty() ? call({"AUTH", password}) : call({"AUTH", to_.user, password});
        return shown ? result<void>{} : shown.error();
    }

    result<reply> exchange(std::span<const std::string_view> words,
                           std::chrono::milliseconds waits) {
        if (!stream_)
            return failure{redis_error::away, "the connection broke"};
        const auto until = std::chrono::steady_clock::now() + to_.call_timeout + waits;
        if (auto sent = stream_->write(command_of(words), until); !sent)
            return sent.error();
        for (;;) {
            auto answer = reader_.next();
            if (!answer)
                return answer.error();
            if (*answer)
                return std::move(**answer);
            const auto got = stream_->read_some(buffer_, until);
            if (!got)
                return got.error();
            if (!has_answered_ && first_.empty())
                first_.assign(buffer_.data(), std::min(*got, first_bytes_shown));
            if (auto fed = reader_.feed({buffer_.data(), *got}); !fed)
                return fed.error();
        }
    }

    const server_options to_;
    const base::doorbell stopped_;
    const std::stop_callback<std::function<void()>> on_stop_;
    std::unique_ptr<byte_stream> stream_;
    reply_reader reader_;
    bool has_answered_ = false;
    std::string first_; // that it said
    std::array<char, 16'384> buffer_{};
};

} // namespace

std::string name_of(const server_options& options) {
    if (options.host.empty())
        return fmt::format("redis unix:{}", options.socket_path);
    const bool is_v6 = options.host.find(':') != std::string::npos;
    return fmt::format("redis {}{}{}:{}", is_v6 ? "[" : "", options.host, is_v6 ? "]" : "",
                       options.port);
}

script::script(std::string_view of) : text{of}, sha1{sha1_of(of)} {}

result<reply> server::run(const script& which, const std::vector<std::string>& keys,
                          const std::vector<std::string>& arguments) {
    const std::string count = std::to_string(keys.size());
    std::vector<std::string_view> words{"EVALSHA", which.sha1, count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto answer = call(std::span<const std::string_view>{words}, std::chrono::milliseconds{0});
    if (answer || answer.error().code != redis_error::refused ||
        answer.error().what.find("NOSCRIPT") == std::string::npos)
        return answer;
    words[0] = "EVAL";
    words[1] = which.text;
    return call(std::span<const std::string_view>{words}, std::chrono::milliseconds{0});
}

result<std::unique_ptr<server>> connect(const server_options& to, const std::stop_token& stop) {
    auto stopped = base::doorbell::make();
    if (!stopped)
        return failure{redis_error::away, stopped.error().text()};
    auto made = std::make_unique<connection>(to, std::move(*stopped), stop);
    if (auto opened = made->open(); !opened)
        return opened.error();
    return std::unique_ptr<server>{std::move(made)};
}

} // namespace postern::sync::redis
