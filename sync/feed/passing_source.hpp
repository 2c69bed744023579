// A source in front of another: what it does not override goes there as it is.
#pragma once

#include "sync/feed/stream_source.hpp"

namespace postern::sync {

/// `behind` outlives it.
class passing_source : public stream_source {
  public:
    explicit passing_source(stream_source& behind) : behind_{behind} {}
    [[nodiscard]] base::result<stream_description> describe() override {
        return behind_.describe();
    }
    [[nodiscard]] base::result<stream_description>
    describe_children(std::string_view arn, std::string_view shard) override {
        return behind_.describe_children(arn, shard);
    }
    [[nodiscard]] base::result<std::string> iterator(std::string_view arn, std::string_view shard,
                                                     iterator_at where,
                                                     std::string_view sequence) override {
        return behind_.iterator(arn, shard, where, sequence);
    }
    [[nodiscard]] base::result<records_page> records(std::string_view iterator,
                                                     std::size_t count_max) override {
        return behind_.records(iterator, count_max);
    }
    [[nodiscard]] base::result<scan_page> scan(std::size_t segment, std::size_t segments,
                                               std::string_view from,
                                               std::size_t count_max) override {
        return behind_.scan(segment, segments, from, count_max);
    }

  private:
    stream_source& behind_;
};

} // namespace postern::sync
