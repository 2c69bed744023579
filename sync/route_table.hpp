// What sync needs of the session table; the tests have a second one, made of a map.
#pragma once

#include "cache/session_writer.hpp"

#include <string_view>

namespace postern::sync {

/// See cache::session_writer, whose words these are.
class route_table {
  public:
    virtual ~route_table() = default;
    virtual cache::put_result put(std::string_view key, const cache::route& value,
                                  std::uint64_t removed_at) = 0;
    virtual bool remove(std::string_view key, std::uint64_t version) = 0;
};

/// The mapped table.
class mapped_route_table final : public route_table {
  public:
    explicit mapped_route_table(cache::session_writer& writer) noexcept : writer_{writer} {}
    cache::put_result put(std::string_view key, const cache::route& value,
                          std::uint64_t removed_at) override {
        return writer_.put(key, value, removed_at);
    }
    bool remove(std::string_view key, std::uint64_t version) override {
        return writer_.remove(key, version);
    }

  private:
    cache::session_writer& writer_;
};

} // namespace postern::sync
