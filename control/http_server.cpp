#include "control/http_server.hpp"

#include "base/unique_fd.hpp"

#include <microhttpd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::control {

struct http_server::state {
    http_server_options options;
    http_handler handler;
    base::log* log = nullptr;
    MHD_Daemon* daemon = nullptr;
};

namespace {

using std::chrono::steady_clock;

/// A body that says beforehand how long it is and lies within this is read to its end, so that the
/// answer (413) arrives; beyond it the connection is closed.
constexpr std::size_t swallowed_bytes_max = 8UL * 1024 * 1024;

struct exchange {
    http_request request;
    steady_clock::time_point body_deadline;
    std::size_t received = 0;
};

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

/// The path stays as sent: a decoded %2F or %00 would be another path.
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

MHD_Result begin(http_server::state& server, MHD_Connection* connection, const char* path,
                 const char* method, void** context) {
    auto made = std::make_unique<exchange>();
    made->request = {
        method, path, header_of(connection, "Authorization"), header_of(connection, "Content-Type"),
        {},     false};
    made->body_deadline = steady_clock::now() + server.options.body_within;
    const std::string said = header_of(connection, "Content-Length");
    const std::uint64_t length = std::strtoull(said.c_str(), nullptr, 10);
    const bool is_asking = strcasecmp(header_of(connection, "Expect").c_str(), "100-continue") == 0;
    made->request.is_body_too_large = length > server.options.body_bytes_max;
    const http_request& request = made->request;
    *context = made.release(); // on_end takes it back
    // An answer that is queued now comes before the body: nobody wants it, and the connection is
    // closed then.
    if (request.is_body_too_large && (is_asking || length > swallowed_bytes_max))
        return send(connection, server.handler(request));
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
        return send(connection, server.handler(e.request));
    const std::string_view taken{chunk, *chunk_size};
    *chunk_size = 0;
    return take_body(server, e, taken);
}

void on_end(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    delete static_cast<exchange*>(*context);
    *context = nullptr;
}

base::failure cannot_start(const char* what) {
    const auto code = base::last_errno();
    return {code ? code : make_error_code(boost::system::errc::io_error), what};
}

} // namespace

base::result<std::unique_ptr<http_server>> http_server::start(int listener,
                                                              const http_server_options& options,
                                                              http_handler handler,
                                                              base::log& log) {
    base::unique_fd own{::fcntl(listener, F_DUPFD_CLOEXEC, 0)};
    if (!own)
        return cannot_start("cannot use the control listener");
    // The threads poll one listener together; who comes second must not wait in accept.
    const int flags = ::fcntl(own.get(), F_GETFL);
    if (flags < 0 || ::fcntl(own.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return cannot_start("cannot use the control listener");

    auto s = std::make_unique<state>(state{options, std::move(handler), &log, nullptr});
    const auto idle_s = std::max<std::int64_t>(
        std::chrono::ceil<std::chrono::seconds>(options.idle_within).count(), 1);
    // A pool of one is refused by the library: then it is its single thread.
    const unsigned pool = options.threads > 1 ? options.threads : 0;
    errno = 0;
    s->daemon = ::MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, nullptr, nullptr,
        on_request, s.get(), MHD_OPTION_EXTERNAL_LOGGER, log_line, s.get(),
        MHD_OPTION_LISTEN_SOCKET, own.get(), MHD_OPTION_THREAD_POOL_SIZE, pool,
        MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(options.connections_max),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.head_bytes_max, MHD_OPTION_CONNECTION_TIMEOUT,
        static_cast<unsigned>(idle_s), MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, nullptr,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, nullptr, MHD_OPTION_END);
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
