#include "edge/master/reload.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

std::string restart_needed(const char* directive, const std::string& running,
                           const std::string& wanted) {
    return fmt::format("{} changes only at a restart: it stays \"{}\" and is not \"{}\" yet",
                       directive, running, wanted);
}

std::string table_text(const settings& conf) {
    return fmt::format("{} capacity={}", conf.table_path, conf.table_capacity);
}

} // namespace

std::vector<std::string> carry_over(const settings& running, settings& next) {
    std::vector<std::string> sentences;
    // All processes, old and new, share one mapped file.
    if (running.table_path != next.table_path || running.table_capacity != next.table_capacity) {
        sentences.push_back(restart_needed("session_table", table_text(running), table_text(next)));
        next.table_path = running.table_path;
        next.table_capacity = running.table_capacity;
    }
    // Files that the running processes have made belong to their user.
    if (running.user != next.user) {
        sentences.push_back(restart_needed("user", running.user, next.user));
        next.user = running.user;
    }
    if (running.pid_file != next.pid_file) {
        sentences.push_back(restart_needed("pid", running.pid_file, next.pid_file));
        next.pid_file = running.pid_file;
    }
    return sentences;
}

} // namespace postern::edge
