// A DynamoDB table and its change stream, as feeds read them. Source: DynamoDB Streams API
// reference.
#pragma once

#include "sync/aws/client.hpp"
#include "sync/aws/json.hpp"
#include "sync/dynamodb/attribute_map.hpp"
#include "sync/feed/stream_source.hpp"

#include <functional>
#include <stop_token>
#include <string>

namespace postern::sync::dynamodb {

/// How items of a table are read: a key as one text, and a row. Nothing: the item is of another
/// kind, and as good as none.
struct item_form {
    std::function<std::optional<std::string>(const aws::json& item)> key_of;
    std::function<std::optional<any_row>(const aws::json& item)> row_of;
    std::function<std::uint64_t(const aws::json& item)> version_of;

    /// What a record's image makes of the item with these keys. Nothing: it is none of ours. An
    /// image that is no item, or not that one's, gives a row with a defect.
    [[nodiscard]] std::optional<any_row> row_in(const aws::json& image,
                                                const aws::json& keys) const;
};

/// Thread-safe. An answer that is not what the service's reference says is `unavailable`.
class dynamodb_source final : public stream_source {
  public:
    /// `calls` outlives it.
    dynamodb_source(aws::client& calls, std::string table, item_form form, std::stop_token stop)
        : calls_{calls}, table_{std::move(table)}, form_{std::move(form)}, stop_{std::move(stop)} {}

    [[nodiscard]] base::result<stream_description> describe() override;
    [[nodiscard]] base::result<stream_description>
    describe_children(std::string_view arn, std::string_view shard) override;
    [[nodiscard]] base::result<std::string> iterator(std::string_view arn, std::string_view shard,
                                                     iterator_at where,
                                                     std::string_view sequence) override;
    [[nodiscard]] base::result<records_page> records(std::string_view iterator,
                                                     std::size_t count_max) override;
    [[nodiscard]] base::result<scan_page> scan(std::size_t segment, std::size_t segments,
                                               std::string_view from,
                                               std::size_t count_max) override;

  private:
    [[nodiscard]] base::result<aws::json> call(aws::service of, std::string_view operation,
                                               const aws::json& body, aws::call_limits limits = {});
    [[nodiscard]] base::result<stream_description> describe_stream(aws::json ask);

    aws::client& calls_;
    const std::string table_;
    const item_form form_;
    const std::stop_token stop_;
};

/// Of a table of sessions; of one of containers.
[[nodiscard]] item_form session_form(const attribute_map& map);
[[nodiscard]] item_form container_form(const container_map& map);

} // namespace postern::sync::dynamodb
