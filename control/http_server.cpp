#include "control/http_server.hpp"

#include "base/unique_fd.hpp"
#include "control/strangers.hpp"

#include <microhttpd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace postern::control {

struct http_server::state {
    http_server_options options;
    http_service service;
    metrics* numbers = nullptr;
    base::log* log = nullptr;
    MHD_Daemon* daemon = nullptr;
    // The library's threads share nothing, so each makes room among its own connections.
    stranger_rules rules;
    std::mutex mutex; // of the map; each entry is its thread's own
    std::map<std::thread::id, strangers> by_thread;
    std::atomic<std::chrono::steady_clock::rep> may_warn_at{0};
};

namespace {

using std::chrono::steady_clock;

/// A body that says beforehand how long it is and lies within this is read to its end, so that the
/// answer (413) arrives; beyond it the connection is closed.
constexpr std::size_t swallowed_bytes_max = 8UL * 1024 * 1024;

/// Beside each thread's share of connections_max: those told to leave take a turn to be gone.
constexpr unsigned spare_connections = 32;
constexpr std::chrono::seconds warning_pause{30};

struct visitor {
    int fd = -1;
    strangers* among = nullptr;
    bool is_trusted = false;
};

struct exchange {
    http_request request;
    std::optional<http_answer> refusal; // to be sent once the body has been read
    steady_clock::time_point body_deadline;
    std::size_t received = 0;
};

unsigned seconds_of(std::chrono::milliseconds time) {
    return static_cast<unsigned>(
        std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(time).count(), 1));
}

void log_line(void* cls, const char* format, va_list arguments) {
    char line[512];
    const int size = std::vsnprintf(line, sizeof line, format, arguments);
    if (size <= 0)
        return;
    std::string_view text{line, std::min(static_cast<std::size_t>(size), sizeof line - 1)};
    if (text.ends_with('\n'))
        text.remove_suffix(1);
    static_cast<http_server::state*>(cls)->log->debug("http: {}", text);
}

/// A decoded %2F would be another path.
std::size_t leave_escapes(void*, MHD_Connection*, char* text) {
    return std::strlen(text);
}

std::string header_of(MHD_Connection* connection, const char* name) {
    const char* const value = ::MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

MHD_Result send(MHD_Connection* connection, const http_answer& answer) {
    // The library takes a copy: the const is only missing from its declaration.
    MHD_Response* const response = ::MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    ::MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
    ::MHD_add_response_header(response, "Cache-Control", "no-store");
    ::MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : answer.headers)
        ::MHD_add_response_header(response, name.c_str(), value.c_str());
    const MHD_Result queued = ::MHD_queue_response(connection, answer.status, response);
    ::MHD_destroy_response(response);
    return queued;
}

visitor& visitor_of(MHD_Connection* connection) {
    return *static_cast<visitor*>(
        ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

/// Ends the connections whose time is over. The library sees that on its next turn.
void make_room(http_server::state& server, strangers& among) {
    const auto now = steady_clock::now();
    const auto v = among.judge(now);
    for (const int fd : v.leaving)
        ::shutdown(fd, SHUT_RDWR);
    metrics::add(server.numbers->connections_refused, v.before_time);
    auto may_warn_at = server.may_warn_at.load(std::memory_order_relaxed);
    if (!v.is_full || now.time_since_epoch().count() < may_warn_at ||
        !server.may_warn_at.compare_exchange_strong(
            may_warn_at, (now + warning_pause).time_since_epoch().count()))
        return;
    server.log->warn("the session API has {} connections open, and {} is the most: those that "
                     "have shown no token are closed early ({} so far)",
                     server.numbers->connections.load(), server.numbers->connections_max.load(),
                     server.numbers->connections_refused.load());
}

void on_connection(void* cls, MHD_Connection* connection, void** context,
                   MHD_ConnectionNotificationCode what) {
    auto& server = *static_cast<http_server::state*>(cls);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        const std::unique_ptr<visitor> gone{static_cast<visitor*>(*context)};
        gone->among->leave(gone->fd);
        server.numbers->connections.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    auto came = std::make_unique<visitor>();
    came->fd = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    {
        const std::lock_guard lock{server.mutex};
        came->among =
            &server.by_thread.try_emplace(std::this_thread::get_id(), server.rules).first->second;
    }
    metrics::add(server.numbers->connections);
    came->among->come(came->fd, steady_clock::now());
    make_room(server, *came->among);
    *context = came.release(); // the call for its end takes it back
}

void trust(const http_server::state& server, MHD_Connection* connection) {
    visitor& v = visitor_of(connection);
    if (std::exchange(v.is_trusted, true))
        return;
    v.among->trust(v.fd);
    ::MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                seconds_of(server.options.idle_within));
}

MHD_Result begin(http_server::state& server, MHD_Connection* connection, const char* path,
                 const char* method, void** context) {
    auto made = std::make_unique<exchange>();
    exchange& e = *made;
    *context = made.release(); // on_end takes it back
    const std::string said = header_of(connection, "Content-Length");
    const std::uint64_t length = std::strtoull(said.c_str(), nullptr, 10);
    const bool is_asking = strcasecmp(header_of(connection, "Expect").c_str(), "100-continue") == 0;
    const bool promises_body = length > 0 || !header_of(connection, "Transfer-Encoding").empty();
    e.request.method = method;
    e.request.path = path;
    e.request.authorization = header_of(connection, "Authorization");
    e.request.content_type = header_of(connection, "Content-Type");
    e.request.has_body = length > 0;
    e.request.is_body_too_large = length > server.options.body_bytes_max;
    e.body_deadline = steady_clock::now() + server.options.body_within;

    head_verdict verdict = server.service.judge(e.request);
    if (verdict.is_trusted)
        trust(server, connection);
    else
        visitor_of(connection).among->ask(visitor_of(connection).fd, steady_clock::now());
    const bool is_swallowed = verdict.is_trusted && e.request.is_body_too_large && !is_asking &&
                              length <= swallowed_bytes_max;
    const bool is_early =
        !is_swallowed && (verdict.is_trusted ? promises_body && verdict.refusal.has_value()
                                             : promises_body || verdict.refusal);
    // After an answer that is queued now the library reads no body, and closes.
    if (is_early)
        return send(connection,
                    verdict.refusal ? *verdict.refusal : server.service.answer(e.request));
    e.refusal = std::move(verdict.refusal);
    return MHD_YES;
}

MHD_Result take_body(const http_server::state& server, exchange& e, std::string_view chunk) {
    e.received += chunk.size();
    if (e.received > swallowed_bytes_max || steady_clock::now() > e.body_deadline)
        return MHD_NO;
    if (e.received > server.options.body_bytes_max)
        e.request.is_body_too_large = true;
    if (e.request.is_body_too_large)
        e.request.body = {};
    else
        e.request.body += chunk;
    return MHD_YES;
}

MHD_Result on_request(void* cls, MHD_Connection* connection, const char* path, const char* method,
                      const char*, const char* chunk, std::size_t* chunk_size, void** context) {
    auto& server = *static_cast<http_server::state*>(cls);
    if (*context == nullptr)
        return begin(server, connection, path, method, context);
    auto& e = *static_cast<exchange*>(*context);
    if (*chunk_size == 0)
        return send(connection, e.refusal ? *e.refusal : server.service.answer(e.request));
    const std::string_view taken{chunk, *chunk_size};
    *chunk_size = 0;
    return take_body(server, e, taken);
}

void on_end(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    const std::unique_ptr<exchange> ended{static_cast<exchange*>(*context)};
    *context = nullptr;
}

/// Half of the files that may be open are for what else control does.
std::uint32_t connections_allowed(const http_server_options& options, base::log& log) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 2 >= options.connections_max)
        return options.connections_max;
    log.warn("the session API takes {} connections instead of {}: only {} files may be open",
             limit.rlim_cur / 2, options.connections_max, limit.rlim_cur);
    return static_cast<std::uint32_t>(limit.rlim_cur / 2);
}

base::failure cannot_start(const char* what) {
    const auto code = base::last_errno();
    return {code ? code : make_error_code(boost::system::errc::io_error), what};
}

} // namespace

base::result<std::unique_ptr<http_server>> http_server::start(int listener,
                                                              const http_server_options& options,
                                                              http_service service,
                                                              metrics& numbers, base::log& log) {
    base::unique_fd own{::fcntl(listener, F_DUPFD_CLOEXEC, 0)};
    if (!own)
        return cannot_start("cannot use the control listener");
    // The threads poll one listener together; who comes second must not wait in accept.
    const int flags = ::fcntl(own.get(), F_GETFL);
    if (flags < 0 || ::fcntl(own.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return cannot_start("cannot use the control listener");

    auto s = std::make_unique<state>();
    s->options = options;
    s->service = std::move(service);
    s->numbers = &numbers;
    s->log = &log;
    const unsigned threads = std::max(options.threads, 1U);
    const std::uint32_t connections = connections_allowed(options, log);
    numbers.connections_max.store(connections, std::memory_order_relaxed);
    s->rules = {std::max<std::size_t>(connections / threads, 1), options.token_within,
                options.token_within / 4};
    // A pool of one is refused by the library: then it is its single thread.
    const unsigned pool = threads > 1 ? threads : 0;
    errno = 0;
    s->daemon = ::MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, nullptr, nullptr,
        on_request, s.get(), MHD_OPTION_EXTERNAL_LOGGER, log_line, s.get(),
        MHD_OPTION_LISTEN_SOCKET, own.get(), MHD_OPTION_THREAD_POOL_SIZE, pool,
        MHD_OPTION_CONNECTION_LIMIT, connections + threads * spare_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.head_bytes_max, MHD_OPTION_CONNECTION_TIMEOUT,
        seconds_of(options.token_within), MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, nullptr,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, nullptr, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s.get(), MHD_OPTION_END);
    if (!s->daemon)
        return cannot_start("the HTTP server cannot start");
    static_cast<void>(own.release()); // the library's now; it closes it when it stops
    return std::unique_ptr<http_server>{new http_server{std::move(s)}};
}

http_server::http_server(std::unique_ptr<state> s) : state_{std::move(s)} {}

http_server::~http_server() {
    // Without this, stopping could shut the listener down, which the next control process still
    // needs.
    const base::unique_fd listener{::MHD_quiesce_daemon(state_->daemon)};
    ::MHD_stop_daemon(state_->daemon);
}

} // namespace postern::control
