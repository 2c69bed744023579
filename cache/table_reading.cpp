#include "cache/table_reading.hpp"

#include "cache/table_view.hpp"

#include <cerrno>
#include <unistd.h>

namespace postern::cache {

table_reading::table_reading(int fd, const table_identity& identity, std::string path)
    : fd_{fd}, shape_{identity.shape}, key_{identity.key}, path_{std::move(path)} {}

base::result<void> table_reading::header_into(file_header& to) const {
    return read(0, &to, sizeof to);
}

base::result<std::vector<bucket>> table_reading::index() const {
    std::vector<bucket> buckets(shape_.bucket_count);
    if (auto done = read(shape_.index_offset, buckets.data(), buckets.size() * sizeof(bucket));
        !done)
        return done.error();
    return buckets;
}

base::result<std::uint64_t> table_reading::entry(std::uint64_t place) const {
    std::uint64_t value = 0;
    const std::uint64_t offset = shape_.index_offset + place / bucket_entries * sizeof(bucket) +
                                 place % bucket_entries * sizeof value;
    if (auto done = read(offset, &value, sizeof value); !done)
        return done.error();
    return value;
}

base::result<activity_line> table_reading::line(std::uint64_t place) const {
    activity_line value = {};
    if (auto done = read(shape_.activity_offset + place * sizeof value, &value, sizeof value);
        !done)
        return done.error();
    return value;
}

base::result<bool> table_reading::slot_into(std::uint64_t entry, slot_image& image) const {
    const std::uint32_t number = slot_of(entry);
    if (auto done = read(shape_.slots_offset + number * sizeof(slot), image.words, sizeof(slot));
        !done)
        return done.error();
    const std::uint64_t lines = slot_image::lines_for(image.shape().used_words());
    if (image.first_line() + lines > shape_.text_lines())
        return false;
    if (auto done = read(shape_.texts_offset + image.first_line() * sizeof(text_line),
                         image.words + slot_near_words, lines * sizeof(text_line));
        !done)
        return done.error();
    return image.is_whole(number, image.shape().used_words());
}

base::result<void> table_reading::read(std::uint64_t offset, void* to, std::size_t bytes) const {
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
        const ssize_t n = ::pread(fd_, at, bytes, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return base::failure{base::last_errno(), path_};
        if (n == 0)
            return base::failure{make_error_code(error::truncated),
                                 path_ + " became shorter while it was read"};
        at += n;
        offset += static_cast<std::uint64_t>(n);
        bytes -= static_cast<std::size_t>(n);
    }
    return {};
}

} // namespace postern::cache
