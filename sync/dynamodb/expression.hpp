// What a conditional write changes and requires, as DynamoDB's expressions. Source: DynamoDB
// developer guide, "Using update expressions", "Condition and filter expressions".
#pragma once

#include "sync/aws/json.hpp"

#include <map>
#include <string>
#include <string_view>

namespace postern::sync::dynamodb {

/// Names and values go by placeholders, so that any attribute's name will do.
class expression {
  public:
    void set(const std::string& name, aws::json value);
    void remove(const std::string& name);
    /// To the number that is there, or to 0.
    void add(const std::string& name, std::uint64_t number);

    /// Each of them has to hold. `as_read`: the whole item that `name` was read from.
    void require_same(const std::string& name, const aws::json& as_read);
    void require_exists(const std::string& name);
    void require_absent(const std::string& name);
    /// There is none, or it is less.
    void require_less(const std::string& name, aws::json value);
    /// There is none, or it is not less.
    void require_not_less(const std::string& name, aws::json value);

    [[nodiscard]] bool changes_something() const noexcept {
        return !sets_.empty() || !removes_.empty() || !adds_.empty();
    }
    /// Puts UpdateExpression, ConditionExpression and what they stand on into a request, those that
    /// are not empty.
    void put_into(aws::json& request) const;

  private:
    [[nodiscard]] std::string name_of(const std::string& name);
    [[nodiscard]] std::string value_of(aws::json value);
    void require(std::string_view condition);
    void require_absent_or(const std::string& name, std::string_view relation, aws::json value);

    std::string sets_, removes_, adds_, conditions_;
    std::map<std::string, std::string> names_; // placeholder by name
    aws::json values_ = aws::json::object();
};

} // namespace postern::sync::dynamodb
