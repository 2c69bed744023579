#include "cache/session_writer.hpp"

#include "base/file.hpp"
#include "cache/asked_keys.hpp"
#include "cache/checkpoint.hpp"
#include "cache/segment_map.hpp"
#include "cache/table_patrol.hpp"
#include "cache/table_writer.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <unistd.h>

namespace postern::cache {
namespace {

/// The host's boot id as two words; zeros where it cannot be had.
std::array<std::uint64_t, 2> boot_id() {
    std::array<std::uint64_t, 2> id{};
    const auto text = base::read_file("/proc/sys/kernel/random/boot_id", 64);
    if (!text)
        return id;
    std::string digits;
    for (const char c : *text)
        if (c != '-' && c != '\n')
            digits += c;
    if (digits.size() != 32)
        return id;
    std::from_chars(digits.data(), digits.data() + 16, id[0], 16);
    std::from_chars(digits.data() + 16, digits.data() + 32, id[1], 16);
    return id;
}

/// After a crash of the host the file is a mixture of old and new pages: each route in it is whole
/// or gone, but what the checkpoint says is there may not be. It is forgotten, so that sync takes a
/// full snapshot.
void note_boot(file_header& header) {
    const auto id = boot_id();
    if (load_relaxed(header.boot_id[0]) == id[0] && load_relaxed(header.boot_id[1]) == id[1])
        return;
    forget_checkpoint(header);
    store_release(header.boot_id[0], id[0]);
    store_release(header.boot_id[1], id[1]);
}

} // namespace

struct session_writer::state {
    std::unique_ptr<segment> mapped;
    table_writer writer;
    table_patrol round;

    state(std::unique_ptr<segment> m, std::string path)
        : mapped{std::move(m)}, writer{mapped->view(), mapped->file()}, round{*mapped, writer,
                                                                              std::move(path)} {}
    file_header& header() const { return *mapped->view().header; }
};

base::result<session_writer> session_writer::open(const std::string& path) {
    auto mapped = segment::map(path, segment::role::writer);
    if (!mapped)
        return mapped.error();
    file_header& header = *(*mapped)->view().header;
    note_boot(header);
    store_relaxed(header.sync_pid, static_cast<std::uint64_t>(::getpid()));
    return session_writer{std::make_unique<state>(std::move(*mapped), path)};
}

session_writer::session_writer(std::unique_ptr<state> s) noexcept : state_{std::move(s)} {}
session_writer::session_writer(session_writer&&) noexcept = default;
session_writer& session_writer::operator=(session_writer&&) noexcept = default;
session_writer::~session_writer() = default;

put_result session_writer::put(std::string_view key, const route& value, std::uint64_t removed_at) {
    return state_->writer.put(key, value, removed_at);
}

bool session_writer::remove(std::string_view key, std::uint64_t version) {
    return state_->writer.remove(key, version);
}

void session_writer::begin_mark() {
    state_->writer.begin_mark();
}

void session_writer::mark(std::string_view key) {
    state_->writer.mark(key);
}

std::uint64_t session_writer::sweep() {
    return state_->writer.sweep();
}

void session_writer::for_each(
    const std::function<void(std::string_view key, const route&)>& visit) const {
    state_->writer.for_each(visit);
}

void session_writer::for_each_active(
    const std::function<void(std::string_view key, const route&, const activity&)>& visit) {
    state_->writer.for_each_active(visit);
}

base::result<void> session_writer::set_checkpoint(std::string_view text) {
    if (text.size() > checkpoint_bytes_max)
        return base::failure{make_error_code(boost::system::errc::no_buffer_space),
                             fmt::format("a checkpoint of {} bytes; the table keeps {}",
                                         text.size(), checkpoint_bytes_max)};
    state_->round.set_checkpoint(text);
    return {};
}

std::string session_writer::checkpoint() const {
    return read_checkpoint(state_->header());
}

void session_writer::beat(std::int64_t now_ms) noexcept {
    store_relaxed(state_->header().heartbeat_ms, static_cast<std::uint64_t>(now_ms));
}

void session_writer::set_synced_at(std::int64_t now_ms) noexcept {
    state_->round.set_synced_at(static_cast<std::uint64_t>(now_ms));
}

void session_writer::count(counter which, std::uint64_t by) noexcept {
    state_->writer.count(which, by);
}

std::uint64_t session_writer::counted(counter which) const noexcept {
    return load_relaxed(
        state_->mapped->view().counters[sync_process_slot].values[static_cast<std::size_t>(which)]);
}

std::bitset<base::limits::worker_slots> session_writer::waiting_workers() const noexcept {
    // The other half of session_reader::set_waiting: these loads come after the last change's
    // addition to `changes`.
    return cache::waiting_workers(state_->header());
}

asked_keys session_writer::asked() const noexcept {
    return asked_keys{state_->mapped->view()};
}

base::result<mended> session_writer::patrol(base::steady_time now) {
    return state_->round.step(now);
}

base::result<void> session_writer::give_up() {
    if (::ftruncate(state_->mapped->file(), 0) == 0)
        return {};
    return base::failure{base::last_errno(), "the table's file cannot be cut to nothing"};
}

std::uint64_t session_writer::live() const noexcept {
    return state_->writer.live();
}

std::uint64_t session_writer::capacity() const noexcept {
    return state_->mapped->view().shape.capacity;
}

} // namespace postern::cache
