#include "control/launch/process_task.hpp"

#include <fmt/format.h>

#include <charconv>

namespace postern::control {
namespace {

constexpr std::string_view kind = "process:";

/// Reads a decimal number up to the next colon (or the end) and takes both off the text.
template <class Number>
bool take_number(std::string_view& text, Number& out, bool is_last) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{})
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (is_last)
        return text.empty();
    if (!text.starts_with(':'))
        return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

std::optional<process_task> process_task::parse(std::string_view text) {
    if (!text.starts_with(kind))
        return std::nullopt;
    text.remove_prefix(kind.size());
    process_task task;
    if (!take_number(text, task.pid, false) || !take_number(text, task.start_time, false) ||
        !take_number(text, task.port, true) || task.pid <= 1 || task.port == 0)
        return std::nullopt;
    return task;
}

std::string process_task::text() const {
    return fmt::format("{}{}:{}:{}", kind, pid, start_time, port);
}

} // namespace postern::control
