#include "edge/static/static_files.hpp"

#include "base/clock.hpp"
#include "edge/http/byte_ranges.hpp"
#include "edge/http/conditions.hpp"
#include "edge/http/http_date.hpp"
#include "edge/http/media_types.hpp"
#include "edge/static/static_lookup.hpp"
#include "edge/static/static_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <optional>
#include <unistd.h>

namespace postern::edge {
namespace {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// What all answers to one request have in common.
struct reply_form {
    const request_head& head;
    bool close;
    const header_list* add_headers;
};

void begin_head(std::string& out, std::string_view status_line) {
    static const base::system_clock time;
    out.reserve(512);
    out += "HTTP/1.1 ";
    out += status_line;
    out += "\r\nDate: ";
    out += http_date_now(time);
    out += "\r\n";
}

void end_head(std::string& out, const reply_form& form) {
    if (form.add_headers)
        for (const auto& [name, value] : *form.add_headers) {
            out += name;
            out += ": ";
            out += value;
            out += "\r\n";
        }
    out += form.close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
}

/// An answer with a short text, and `fields` (complete lines) in its head.
static_answer text_answer(const reply_form& form, unsigned status, std::string_view reason,
                          std::string_view fields) {
    static_answer answer;
    answer.status = status;
    answer.body = fmt::format("{} {}\n", status, reason);
    begin_head(answer.head, fmt::format("{} {}", status, reason));
    fmt::format_to(std::back_inserter(answer.head),
                   "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{}",
                   answer.body.size(), fields);
    end_head(answer.head, form);
    if (form.head.method == method::head)
        answer.body.clear();
    return answer;
}

bool names_cache_control(const header_list* headers) noexcept {
    constexpr std::string_view name = "cache-control";
    const auto same = [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
    };
    return headers && std::ranges::any_of(*headers, [&](const auto& header) {
               return std::ranges::equal(header.first, name, same);
           });
}

static_answer redirect_answer(const reply_form& form, std::string_view prefix,
                              const std::string& canonical) {
    std::string location = "Location: ";
    const std::size_t path_start = location.size();
    location += prefix;
    location += canonical;
    // "//host/" would be another origin: a path starts with one slash, whatever the prefix was.
    const std::size_t first =
        std::min(location.find_first_not_of('/', path_start), location.size());
    location.replace(path_start, first - path_start, "/");
    if (form.head.has_query) {
        location += '?';
        for (const char c : form.head.query) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte > 0x20 && byte < 0x7f)
                location += c;
            else
                append_encoded_path(location, {&c, 1});
        }
    }
    location += "\r\n";
    if (!names_cache_control(form.add_headers))
        location += "Cache-Control: no-cache\r\n";
    return text_answer(form, 301, "Moved Permanently", location);
}

/// ETag and Last-Modified of a file. The ETag is nginx's: modification second and size, in hex.
struct version_of {
    explicit version_of(const struct stat& info)
        : etag{fmt::format("\"{:x}-{:x}\"", info.st_mtime, info.st_size)},
          // RFC 9110 8.8.2.1: not in the future
          modified_s{std::min<std::int64_t>(info.st_mtime, ::time(nullptr))} {}
    std::string etag;
    std::int64_t modified_s;
};

void append_validators(std::string& out, const version_of& version) {
    out += "Last-Modified: ";
    out += http_date(version.modified_s);
    out += "\r\nETag: ";
    out += version.etag;
    out += "\r\n";
}

byte_range wanted_range(const request_head& head, const validators& file, std::uint64_t size) {
    std::string_view range;
    for (const field& f : head.fields) {
        if (f.id != known::range)
            continue;
        if (!range.empty())
            return {}; // said twice: more than one range
        range = f.value;
    }
    if (range.empty() || head.method != method::get || !range_counts(head.fields, file))
        return {};
    return byte_range_of(range, size);
}

/// Takes the bytes along: small ones at once, others as an open file. A file that has shrunk since
/// fstat is left to the sender, who will see it end early.
void attach(static_answer& answer, base::unique_fd file) {
    if (answer.length == 0)
        return;
    if (answer.length <= static_body_bytes_max) {
        answer.body.resize(answer.length);
        const ssize_t n = ::pread(file.get(), answer.body.data(), answer.body.size(),
                                  static_cast<off_t>(answer.offset));
        if (n == static_cast<ssize_t>(answer.length)) {
            answer.offset = answer.length = 0;
            return;
        }
        answer.body.clear();
    }
    answer.file = std::move(file);
}

/// 200 or 206, 304, 412, 416: a file that is there.
static_answer file_answer(const reply_form& form, opened_file file, std::string_view name) {
    const auto size = static_cast<std::uint64_t>(file.info.st_size);
    const version_of version{file.info};
    const validators now{version.etag, version.modified_s};
    static_answer answer;
    switch (condition_of(form.head.fields, now)) {
    case condition::failed:
        return text_answer(form, 412, "Precondition Failed", {});
    case condition::not_modified:
        answer.status = 304;
        begin_head(answer.head, "304 Not Modified");
        append_validators(answer.head, version);
        end_head(answer.head, form);
        return answer;
    case condition::send:
        break;
    }
    const byte_range range = wanted_range(form.head, now, size);
    if (range.kind == range_kind::unsatisfiable)
        return text_answer(form, 416, "Range Not Satisfiable",
                           fmt::format("Content-Range: bytes */{}\r\n", size));
    const bool part = range.kind == range_kind::part;
    answer.status = part ? 206 : 200;
    answer.offset = range.offset;
    answer.length = part ? range.length : size;
    begin_head(answer.head, part ? "206 Partial Content" : "200 OK");
    fmt::format_to(std::back_inserter(answer.head),
                   "Content-Type: {}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n",
                   media_type_of(name), answer.length);
    if (part)
        fmt::format_to(std::back_inserter(answer.head), "Content-Range: bytes {}-{}/{}\r\n",
                       range.offset, range.offset + range.length - 1, size);
    append_validators(answer.head, version);
    end_head(answer.head, form);
    if (form.head.method == method::head)
        answer.length = 0;
    attach(answer, std::move(file.fd));
    return answer;
}

static_answer trouble_answer(const reply_form& form, int error) {
    if (error == EIO)
        return text_answer(form, 500, "Internal Server Error", {});
    return text_answer(form, 503, "Service Unavailable", "Retry-After: 1\r\n");
}

/// The root's own 404 page, whole and unconditionally; else `not_found`.
static_answer missing_answer(const reply_form& form, int root) {
    static_answer answer;
    static_lookup page;
    page.attempt(root, "404.html");
    if (!page.file.fd) {
        answer.not_found = true;
        return answer;
    }
    answer.length = static_cast<std::uint64_t>(page.file.info.st_size);
    begin_head(answer.head, "404 Not Found");
    fmt::format_to(std::back_inserter(answer.head), "Content-Type: {}\r\nContent-Length: {}\r\n",
                   media_type_of(page.name), answer.length);
    end_head(answer.head, form);
    if (form.head.method == method::head)
        answer.length = 0;
    attach(answer, std::move(page.file.fd));
    return answer;
}

} // namespace

static_answer answer_static(const std::string& root, std::string_view prefix, std::string_view rest,
                            const std::vector<std::string>& index, const request_head& head,
                            bool close, const header_list* add_headers) {
    const reply_form form{head, close, add_headers};
    if (head.method != method::get && head.method != method::head)
        return text_answer(form, 405, "Method Not Allowed", "Allow: GET, HEAD\r\n");

    const auto path = static_path_of(rest);
    if (path && path->is_renamed)
        return redirect_answer(form, prefix, path->canonical);
    const base::unique_fd folder{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) {
        const int error = errno;
        if (error == EMFILE || error == ENFILE || error == ENOMEM)
            return trouble_answer(form, error);
        static_answer none;
        none.not_found = true;
        return none;
    }
    if (!path)
        return missing_answer(form, folder.get());
    static_lookup found = look_for_file(folder.get(), *path, index);
    if (found.error != 0)
        return trouble_answer(form, found.error);
    if (found.file.fd)
        return file_answer(form, std::move(found.file), found.name);
    if (found.is_folder)
        return redirect_answer(form, prefix, path->file.empty() ? "/" : path->canonical + "/");
    return missing_answer(form, folder.get());
}

} // namespace postern::edge
