// Takes values out of an item, and remembers what was wrong first.
#pragma once

#include "base/ip_endpoint.hpp"
#include "sync/aws/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::dynamodb {

/// The attribute's typed value, or nullptr: absent, or {"NULL": true}.
[[nodiscard]] const aws::json* find_attribute(const aws::json& item, const std::string& name);

/// For one item; `item` outlives it. What is absent reads as empty, 0, false.
class item_reader {
  public:
    explicit item_reader(const aws::json& item) : item_{item} {}

    [[nodiscard]] bool has(const std::string& name) const {
        return find_attribute(item_, name) != nullptr;
    }
    [[nodiscard]] std::string text(const std::string& name, std::size_t bytes_max);
    /// Epoch ms.
    [[nodiscard]] std::int64_t time(const std::string& name);
    [[nodiscard]] std::uint64_t count(const std::string& name);
    [[nodiscard]] bool flag(const std::string& name);
    /// "10.0.0.7", with ":4321" behind it or without; then the number at `port_name`, or
    /// `standard`.
    [[nodiscard]] base::ip_endpoint target(const std::string& name, const std::string& port_name,
                                           std::uint16_t standard);

    /// Only the first is kept.
    void note(std::string defect);
    /// A sentence without a full stop, or empty.
    [[nodiscard]] const std::string& defect() const noexcept { return defect_; }

  private:
    /// The value of type `type` ("S"), as text.
    [[nodiscard]] std::optional<std::string_view> scalar(const aws::json& value,
                                                         const char* type) const;
    void note_type(const std::string& name, const aws::json& value, std::string_view right);

    const aws::json& item_;
    std::string defect_;
};

/// Up to 64 bytes of it, in quotes.
[[nodiscard]] std::string shortened(std::string_view value);

} // namespace postern::sync::dynamodb
