// A temporary folder with files, and requests for them: what the tests of the static origin share.
#pragma once

#include "edge/static/static_files.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace postern::edge::tests {

/// "site" inside a folder of its own, so that there is an outside to break out to. All of it goes
/// with the object.
class static_root {
  public:
    static_root() {
        std::string name =
            (std::filesystem::temp_directory_path() / "postern-static-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            throw std::runtime_error{"mkdtemp"};
        top_ = name;
        std::filesystem::create_directory(site());
    }
    static_root(const static_root&) = delete;
    static_root& operator=(const static_root&) = delete;
    ~static_root() {
        std::error_code ignored;
        std::filesystem::remove_all(top_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& top() const { return top_; }
    [[nodiscard]] std::filesystem::path site() const { return top_ / "site"; }

    /// Writes a file below the site (or, with "../", beside it), with the folders that it needs.
    std::filesystem::path put(std::string_view name, std::string_view content,
                              std::int64_t modified_s = 784'111'777) const {
        const std::filesystem::path path = site() / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary} << content;
        const timespec at{.tv_sec = static_cast<time_t>(modified_s), .tv_nsec = 0};
        const timespec times[2]{at, at};
        if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0)
            throw std::runtime_error{"utimensat"};
        return path;
    }

  private:
    std::filesystem::path top_;
};

/// A request as a reader of heads would have left it. Texts must outlive it.
inline request_head request(std::initializer_list<std::pair<known, std::string_view>> fields = {},
                            enum method method = method::get, std::string_view query = {}) {
    request_head head;
    head.method = method;
    head.query = query;
    head.has_query = !query.empty();
    for (const auto& [id, value] : fields)
        head.fields.push_back({.id = id, .name = "x", .value = value});
    return head;
}

/// What the site answers to a worker that has opened nothing yet.
inline static_answer
answer_static(const std::string& root, std::string_view prefix, std::string_view rest,
              const std::vector<std::string>& index, const request_head& head, bool close,
              const std::vector<std::pair<std::string, std::string>>* add_headers = nullptr) {
    root_folders folders;
    return answer_static(folders, root, {.index = index, .add_headers = add_headers}, prefix, rest,
                         head, close);
}

/// The first value of a header in an answer's head; "(none)" when it is not there.
inline std::string header(const static_answer& answer, std::string_view name) {
    const std::string start = "\r\n" + std::string{name} + ": ";
    const std::size_t at = answer.head.find(start);
    if (at == std::string::npos)
        return "(none)";
    const std::size_t value = at + start.size();
    return answer.head.substr(value, answer.head.find("\r\n", value) - value);
}

/// What the client would get as a body.
inline std::string body_of(const static_answer& answer) {
    std::string content(answer.length, '\0');
    const ssize_t n = answer.length == 0
                          ? 0
                          : ::pread(answer.file.get(), content.data(), content.size(),
                                    static_cast<off_t>(answer.offset));
    content.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return answer.body + content;
}

} // namespace postern::edge::tests
