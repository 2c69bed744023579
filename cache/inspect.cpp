// By pread(2) and not by a mapping: a file that someone cuts short meanwhile is then a short read
// and no SIGBUS.
#include "cache/inspect.hpp"

#include "cache/checkpoint.hpp"
#include "cache/table_reading.hpp"
#include "cache/table_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::cache {
namespace {

constexpr std::size_t problems_kept = 100;
constexpr int looks_max = 8; // at a route that a writer at work may be moving

class table_check {
  public:
    table_check(const table_reading& file, table_report& report)
        : file_{file}, report_{report}, slot_used_(file.shape().slot_count),
          overflow_(file.shape().bucket_count, 0) {}

    [[nodiscard]] base::result<void> run() {
        if (auto done = header(); !done)
            return done;
        auto index = file_.index();
        if (!index)
            return index.error();
        for (std::uint64_t place = 0; place < file_.shape().places(); ++place) {
            std::uint64_t entry = (*index)[place / bucket_entries].entries[place % bucket_entries];
            if (auto done = look_at(place, entry); !done)
                return done;
        }
        if (report_.live != 0)
            report_.probes_mean = static_cast<double>(probes_) / static_cast<double>(report_.live);
        if (!report_.writer_at_work) {
            doubles();
            counts(*index);
        }
        return {};
    }

  private:
    template <class... Args>
    void problem(fmt::format_string<Args...> format, Args&&... args) {
        ++report_.problems_found;
        if (report_.problems.size() < problems_kept)
            report_.problems.push_back(fmt::format(format, std::forward<Args>(args)...));
    }

    base::result<void> header() {
        const auto read_in = std::make_unique<file_header>();
        if (auto done = file_.header_into(*read_in); !done)
            return done;
        report_.changes = read_in->changes;
        report_.created_at_ms = static_cast<std::int64_t>(read_in->created_at_ms);
        report_.sync_heartbeat_ms = static_cast<std::int64_t>(read_in->heartbeat_ms);
        report_.synced_at_ms = static_cast<std::int64_t>(read_in->synced_at_ms);
        report_.sync_pid = static_cast<std::uint32_t>(read_in->sync_pid);
        live_said_ = read_in->live;
        const int damaged = damaged_checkpoints(*read_in);
        report_.checkpoint_bytes = read_checkpoint(*read_in).size();
        if (report_.writer_at_work)
            return {};
        if (damaged == 1)
            ++report_.leftovers;
        if (damaged == 2)
            problem("both copies of the checkpoint are damaged: sync will take a full snapshot");
        return {};
    }

    base::result<void> look_at(std::uint64_t place, std::uint64_t entry) {
        for (int look = 0; entry != 0 && look < looks_max; ++look) {
            const auto judged = judge(place, entry);
            if (!judged)
                return judged.error();
            if (judged->empty())
                return {};
            const auto now = file_.entry(place);
            if (!now)
                return now.error();
            if (*now == entry) { // published all the while: no writer was filling the slot
                problem("{}", *judged);
                report_.slots_bad += slot_damaged_ ? 1 : 0;
                return {};
            }
            entry = *now;
        }
        return {};
    }

    /// A sentence when something is wrong with the entry or its slot.
    base::result<std::string> judge(std::uint64_t place, std::uint64_t entry) {
        const std::uint64_t b = place / bucket_entries;
        const std::uint64_t number = slot_of(entry);
        const std::uint64_t buckets = file_.shape().bucket_count;
        if (number >= file_.shape().slot_count)
            return fmt::format("index place {} points to slot {} of {}", place, number,
                               file_.shape().slot_count);
        const std::uint64_t home = home_of(fingerprint_of(entry), buckets);
        const std::uint64_t distance = b >= home ? b - home : b + buckets - home;
        if (distance >= std::min(buckets, probe_buckets_max))
            return fmt::format("index place {} lies {} buckets from its key's home {}", place,
                               distance, home);
        slot_damaged_ = false;
        slot_image image;
        const auto whole = file_.slot_into(entry, image);
        if (!whole)
            return whole.error();
        if (!*whole) {
            slot_damaged_ = true;
            return fmt::format("slot {} (index place {}) is damaged", number, place);
        }
        const std::uint64_t hash = sip_hash(file_.key(), image.key());
        if (fingerprint_of(hash) != fingerprint_of(entry))
            return fmt::format("index place {} points to slot {}, which holds another key", place,
                               number);
        if (slot_used_[number] && !report_.writer_at_work)
            return fmt::format("slot {} is in the index twice, again at place {}", number, place);
        slot_used_[number] = true;
        const auto line = file_.line(place);
        if (!line)
            return line.error();
        if (static_cast<std::uint32_t>(line->epoch) != image.epoch())
            return fmt::format("the activity line of index place {} is another session's", place);
        hashes_.push_back(hash);
        ++report_.live;
        probes_ += distance + 1;
        report_.probes_max = std::max(report_.probes_max, distance + 1);
        for (std::uint64_t passed = home; passed != b;
             passed = passed + 1 == buckets ? 0 : passed + 1)
            ++overflow_[passed];
        return std::string{};
    }

    void doubles() {
        std::sort(hashes_.begin(), hashes_.end());
        for (auto at = hashes_.begin();
             (at = std::adjacent_find(at, hashes_.end())) != hashes_.end(); ++at)
            problem("a key is in the table twice (hash {:016x})", *at);
    }

    void counts(const std::vector<bucket>& index) {
        for (std::uint64_t b = 0; b < index.size(); ++b) {
            if (index[b].overflow < overflow_[b])
                problem("bucket {} counts {} keys that passed it where {} did: they are not found",
                        b, index[b].overflow, overflow_[b]);
            if (index[b].overflow > overflow_[b])
                ++report_.leftovers;
        }
        if (live_said_ != report_.live)
            ++report_.leftovers;
    }

    const table_reading& file_;
    table_report& report_;
    std::vector<bool> slot_used_;
    std::vector<std::uint64_t> overflow_;
    std::vector<std::uint64_t> hashes_;
    std::uint64_t live_said_ = 0;
    std::uint64_t probes_ = 0;
    bool slot_damaged_ = false; // what `judge` found last
};

/// What the line says of the session with this epoch.
activity activity_in(const activity_line& line, std::uint32_t epoch) {
    if (static_cast<std::uint32_t>(line.epoch) != epoch)
        return {};
    return {static_cast<std::int64_t>(line.last_seen_ms),
            static_cast<std::int64_t>(line.last_push_ms),
            static_cast<std::int64_t>(line.socket_open_ms),
            static_cast<std::int64_t>(line.refused_at_ms),
            line.requests,
            line.bytes_in,
            line.bytes_out};
}

bool is_content(const base::error_code& code) {
    return code == error::bad_magic || code == error::other_layout || code == error::bad_header ||
           code == error::truncated;
}

} // namespace

base::result<table_report> check_table(const std::string& path) {
    const auto fd = open_table_file(path, O_RDONLY);
    if (!fd)
        return fd.error();
    table_report report;
    struct stat status = {};
    if (::fstat(fd->get(), &status) != 0)
        return base::failure{base::last_errno(), path};
    report.file_bytes = static_cast<std::uint64_t>(status.st_size);
    report.writer_at_work = has_writer(fd->get());
    const auto identity = identify(fd->get(), path);
    base::result<void> done;
    if (identity) {
        report.capacity = identity->shape.capacity;
        report.buckets = identity->shape.bucket_count;
        const table_reading file{fd->get(), *identity, path};
        done = table_check{file, report}.run();
    } else {
        done = identity.error();
    }
    if (!done && !is_content(done.error().code))
        return done.error();
    if (!done) {
        report.is_table = done.error().code != error::bad_magic;
        ++report.problems_found;
        report.problems.push_back(done.error().text());
    }
    return report;
}

base::result<void> dump_table(const std::string& path, const route_visitor& visit) {
    const auto fd = open_table_file(path, O_RDONLY);
    if (!fd)
        return fd.error();
    const auto identity = identify(fd->get(), path);
    if (!identity)
        return identity.error();
    const table_reading file{fd->get(), *identity, path};
    const auto index = file.index();
    if (!index)
        return index.error();
    route value;
    for (std::uint64_t place = 0; place < file.shape().places(); ++place) {
        std::uint64_t entry = (*index)[place / bucket_entries].entries[place % bucket_entries];
        slot_image image;
        bool whole = false;
        // The slot may have been given to another key since the index was read.
        for (int look = 0; look < looks_max && entry != 0 && !whole; ++look) {
            if (slot_of(entry) >= file.shape().slot_count)
                break;
            const auto got = file.slot_into(entry, image);
            if (!got)
                return got.error();
            const auto now = file.entry(place);
            if (!now)
                return now.error();
            whole = *got && *now == entry;
            entry = *now;
        }
        if (!whole)
            continue;
        const auto line = file.line(place);
        if (!line)
            return line.error();
        image.copy_to(value, static_cast<std::uint32_t>(place));
        visit(image.key(), value, activity_in(*line, image.epoch()));
    }
    return {};
}

} // namespace postern::cache
