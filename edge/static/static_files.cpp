#include "edge/static/static_files.hpp"

#include "base/clock.hpp"
#include "edge/http/byte_ranges.hpp"
#include "edge/http/conditions.hpp"
#include "edge/http/http_date.hpp"
#include "edge/http/media_types.hpp"
#include "edge/http/status_text.hpp"
#include "edge/static/static_lookup.hpp"
#include "edge/static/static_path.hpp"
#include "edge/static/static_variant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <unistd.h>

namespace postern::edge {
namespace {

/// What all answers to one request have in common.
struct reply_form {
    const request_head& head;
    const static_site& site;
    bool close;
};

void begin_head(std::string& out, unsigned status) {
    static const base::system_clock time;
    out.reserve(512);
    out += "HTTP/1.1 ";
    out += std::to_string(status);
    out += ' ';
    out += status_text(status);
    out += "\r\nDate: ";
    out += http_date_now(time);
    out += "\r\n";
}

bool is_cache_control(std::string_view name) noexcept {
    return equal_ignoring_case(name, "cache-control");
}

/// `cached`: what this answer says of caches; empty: what add_headers say, or nothing.
void end_head(std::string& out, const reply_form& form, std::string_view cached = {}) {
    if (form.site.stands_in)
        cached = "no-store";
    if (!cached.empty()) {
        out += "Cache-Control: ";
        out += cached;
        out += "\r\n";
    }
    if (form.site.add_headers)
        for (const auto& [name, value] : *form.site.add_headers) {
            if (!cached.empty() && is_cache_control(name))
                continue;
            out += name;
            out += ": ";
            out += value;
            out += "\r\n";
        }
    out += form.site.own_lines;
    out += form.close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
}

/// An answer with a short text, and `fields` (complete lines) in its head.
static_answer text_answer(const reply_form& form, unsigned status, std::string_view fields) {
    static_answer answer;
    answer.status = status;
    answer.body = fmt::format("{} {}\n", status, status_text(status));
    begin_head(answer.head, status);
    fmt::format_to(std::back_inserter(answer.head),
                   "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{}",
                   answer.body.size(), fields);
    end_head(answer.head, form);
    if (form.head.method == method::head)
        answer.body.clear();
    return answer;
}

bool names_cache_control(const reply_form& form) noexcept {
    return form.site.add_headers != nullptr &&
           std::ranges::any_of(*form.site.add_headers,
                               [](const auto& header) { return is_cache_control(header.first); });
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
    if (!form.site.stands_in && !names_cache_control(form))
        location += "Cache-Control: no-cache\r\n";
    return text_answer(form, 301, location);
}

constexpr std::string_view varies_by_coding = "Vary: Accept-Encoding\r\n";

/// What 200, 206 and 304 say alike of the representation (RFC 9110 15.4.5).
void append_version(std::string& out, const static_variant& variant, const validators& version) {
    out += "Last-Modified: ";
    out += http_date(version.modified_s);
    out += "\r\nETag: ";
    out += version.etag;
    out += "\r\n";
    if (variant.varies)
        out += varies_by_coding;
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
static_answer file_answer(const reply_form& form, static_variant variant) {
    const auto size = static_cast<std::uint64_t>(variant.file.info.st_size);
    const std::string etag = variant.etag();
    const validators now{etag, variant.modified_s()};
    const std::string_view vary = variant.varies ? varies_by_coding : std::string_view{};
    static_answer answer;
    switch (condition_of(form.head.fields, now)) {
    case condition::failed:
        return text_answer(form, 412, vary);
    case condition::not_modified:
        answer.status = 304;
        begin_head(answer.head, answer.status);
        append_version(answer.head, variant, now);
        end_head(answer.head, form, form.site.cache_control);
        return answer;
    case condition::send:
        break;
    }
    const byte_range range = wanted_range(form.head, now, size);
    if (range.kind == range_kind::unsatisfiable)
        return text_answer(form, 416, fmt::format("Content-Range: bytes */{}\r\n{}", size, vary));
    const bool part = range.kind == range_kind::part;
    answer.status = part ? 206 : 200;
    answer.offset = range.offset;
    answer.length = part ? range.length : size;
    begin_head(answer.head, answer.status);
    const auto to = std::back_inserter(answer.head);
    fmt::format_to(to, "Content-Type: {}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n",
                   variant.type, answer.length);
    if (!variant.coding.empty())
        fmt::format_to(to, "Content-Encoding: {}\r\n", variant.coding);
    if (part)
        fmt::format_to(to, "Content-Range: bytes {}-{}/{}\r\n", range.offset,
                       range.offset + range.length - 1, size);
    append_version(answer.head, variant, now);
    end_head(answer.head, form, form.site.cache_control);
    if (form.head.method == method::head)
        answer.length = 0;
    attach(answer, std::move(variant.file.fd));
    return answer;
}

static_answer trouble_answer(const reply_form& form, int error) {
    if (error == EIO)
        return text_answer(form, 500, {});
    return text_answer(form, 503, "Retry-After: 1\r\n");
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
    begin_head(answer.head, 404);
    fmt::format_to(std::back_inserter(answer.head), "Content-Type: {}\r\nContent-Length: {}\r\n",
                   media_type_of(page.name), answer.length);
    end_head(answer.head, form);
    if (form.head.method == method::head)
        answer.length = 0;
    attach(answer, std::move(page.file.fd));
    return answer;
}

static_answer no_folder_answer(const reply_form& form, int error) {
    if (error == EMFILE || error == ENFILE || error == ENOMEM)
        return trouble_answer(form, error);
    static_answer none;
    none.not_found = true;
    return none;
}

} // namespace

static_answer answer_static(root_folders& folders, const std::string& root, const static_site& site,
                            std::string_view prefix, std::string_view rest,
                            const request_head& head, bool close) {
    const reply_form form{head, site, close};
    if (head.method != method::get && head.method != method::head)
        return text_answer(form, 405, "Allow: GET, HEAD\r\n");

    const auto path = static_path_of(rest);
    if (path && path->is_renamed)
        return redirect_answer(form, prefix, path->canonical);
    const auto now = std::chrono::steady_clock::now();
    root_folders::opened folder = folders.open(root, now);
    if (folder.fd < 0)
        return no_folder_answer(form, folder.error);
    if (!path)
        return missing_answer(form, folder.fd);
    static_lookup found = look_for_file(folder.fd, *path, site.index);
    if (folder.kept && !found.file.fd && found.error == 0) {
        // Another folder may have the name by now: nothing is missing before that one was asked.
        folder = folders.reopen(root, now);
        if (folder.fd < 0)
            return no_folder_answer(form, folder.error);
        found = look_for_file(folder.fd, *path, site.index);
    }
    if (found.error != 0)
        return trouble_answer(form, found.error);
    if (found.file.fd)
        return file_answer(
            form, choose_variant(folder.fd, std::move(found), head.fields, site.precompressed));
    if (found.is_folder)
        return redirect_answer(form, prefix, path->file.empty() ? "/" : path->canonical + "/");
    return missing_answer(form, folder.fd);
}

} // namespace postern::edge
