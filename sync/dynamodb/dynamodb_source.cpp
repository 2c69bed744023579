#include "sync/dynamodb/dynamodb_source.hpp"

#include "sync/dynamodb/call_errors.hpp"
#include "sync/dynamodb/item.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::dynamodb {

using aws::array_at;
using aws::json;
using aws::object_at;
using aws::service;
using aws::string_at;
using base::failure;
using base::result;

namespace {

// DescribeStream: ten calls a second are allowed, of all readers together.
constexpr std::chrono::milliseconds page_gap{200};
constexpr int pages_max = 1'000; // of 100 shards
/// A page of records ends at 1 MB: one of so many bytes has been cut short.
constexpr std::uint64_t nearly_a_page = 900'000;

/// False: `stop` was set.
bool wait(std::chrono::milliseconds time, const std::stop_token& stop) {
    return aws::real_pause{}.wait(time, stop);
}

const char* name_of(iterator_at where) {
    switch (where) {
    case iterator_at::latest:
        return "LATEST";
    case iterator_at::trim_horizon:
        return "TRIM_HORIZON";
    case iterator_at::after_sequence:
        break;
    }
    return "AFTER_SEQUENCE_NUMBER";
}

bool is_sequence(const std::string& text) {
    return !text.empty() && text.size() <= 64 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whatever it is: only what is not there is a removal.
const json* image_at(const json& change, const char* name) {
    const auto at = change.find(name);
    return at == change.end() || at->is_null() ? nullptr : &*at;
}

std::string& defect_in(session_row& row) {
    return row.read.defect;
}
std::string& defect_in(container_row& row) {
    return row.defect;
}

shard_description shard_of(const json& said) {
    shard_description one{string_at(said, "ShardId"), string_at(said, "ParentShardId"), false};
    if (const json* const range = object_at(said, "SequenceNumberRange"))
        one.is_closed = range->contains("EndingSequenceNumber");
    return one;
}

} // namespace

std::optional<any_row> item_form::row_in(const json& image, const json& keys) const {
    if (image.is_object() && key_of(image) == key_of(keys))
        return row_of(image);
    auto row = row_of(keys);
    if (row)
        std::visit(
            [](auto& one) { defect_in(one) = "its image in the stream is not that of an item"; },
            *row);
    return row;
}

result<json> dynamodb_source::call(service of, std::string_view operation, const json& body,
                                   aws::call_limits limits) {
    auto answer = calls_.call(of, operation, body, stop_, limits);
    if (!answer)
        return feed_failure(answer.error());
    return std::move(*answer);
}

result<stream_description> dynamodb_source::describe() {
    const auto answer = call(service::dynamodb, "DescribeTable", {{"TableName", table_}});
    // That the table is not there is no state of its stream: it may be made again.
    if (!answer && answer.error().code == feed_error::gone)
        return failure{store_error::unavailable,
                       fmt::format("table {}: {}", table_, answer.error().what)};
    if (!answer)
        return answer.error();
    const json* const table = object_at(*answer, "Table");
    if (table == nullptr)
        return strange_answer("DescribeTable", "it has no Table");
    const std::string arn = string_at(*table, "LatestStreamArn");
    if (arn.empty())
        return failure{feed_error::gone,
                       fmt::format("table {} has no stream; \"postern store init\" makes one, or "
                                   "write \"feed poll;\"",
                                   table_)};
    return describe_stream({{"StreamArn", arn}, {"Limit", 100}});
}

result<stream_description> dynamodb_source::describe_children(std::string_view arn,
                                                              std::string_view shard) {
    return describe_stream(
        {{"StreamArn", arn}, {"ShardFilter", {{"Type", "CHILD_SHARDS"}, {"ShardId", shard}}}});
}

result<stream_description> dynamodb_source::describe_stream(json ask) {
    stream_description out;
    for (int page = 0; page < pages_max; ++page) {
        if (page > 0 && !wait(page_gap, stop_))
            return failure{store_error::unavailable, "stopped"};
        const auto answer = call(service::streams, "DescribeStream", ask);
        if (!answer)
            return answer.error();
        const json* const stream = object_at(*answer, "StreamDescription");
        const json* const shards = stream != nullptr ? array_at(*stream, "Shards") : nullptr;
        if (shards == nullptr)
            return strange_answer("DescribeStream", "it has no Shards");
        out.arn = string_at(*stream, "StreamArn");
        const std::string status = string_at(*stream, "StreamStatus");
        out.is_enabled = status == "ENABLED" || status == "ENABLING";
        const std::string view = string_at(*stream, "StreamViewType");
        if (view != "NEW_AND_OLD_IMAGES" && view != "NEW_IMAGE")
            return failure{store_error::invalid,
                           fmt::format("the stream of table {} shows {}; NEW_AND_OLD_IMAGES is "
                                       "needed",
                                       table_, view.empty() ? "nothing" : view)};
        for (const json& said : *shards) {
            out.shards.push_back(shard_of(said));
            if (out.shards.back().id.empty())
                return strange_answer("DescribeStream", "a shard has no ShardId");
        }
        const std::string last = string_at(*stream, "LastEvaluatedShardId");
        if (last.empty())
            return out;
        ask["ExclusiveStartShardId"] = last;
        ask.erase("ShardFilter"); // the two exclude each other: then all there is
    }
    return failure{store_error::unavailable,
                   fmt::format("the stream of table {} has too many shards", table_)};
}

result<std::string> dynamodb_source::iterator(std::string_view arn, std::string_view shard,
                                              iterator_at where, std::string_view sequence) {
    json ask = {{"StreamArn", arn}, {"ShardId", shard}, {"ShardIteratorType", name_of(where)}};
    if (where == iterator_at::after_sequence)
        ask["SequenceNumber"] = sequence;
    const auto answer = call(service::streams, "GetShardIterator", ask);
    if (!answer)
        return answer.error();
    return string_at(*answer, "ShardIterator"); // none: the shard is closed, and read to its end
}

result<records_page> dynamodb_source::records(std::string_view iterator, std::size_t count_max) {
    // Once: the feed has a pause for each shard, and what waits here keeps the others waiting.
    const auto answer =
        call(service::streams, "GetRecords",
             {{"ShardIterator", iterator}, {"Limit", std::clamp<std::size_t>(count_max, 1, 1'000)}},
             {.attempts_max = 1});
    if (!answer)
        return answer.error();
    const json* const records = array_at(*answer, "Records");
    if (records == nullptr)
        return strange_answer("GetRecords", "it has no Records");
    records_page page;
    page.next = string_at(*answer, "NextShardIterator");
    page.records.reserve(records->size());
    std::uint64_t bytes = 0;
    for (const json& record : *records) {
        const json* const change = object_at(record, "dynamodb");
        const json* const keys = change != nullptr ? object_at(*change, "Keys") : nullptr;
        if (keys == nullptr)
            return strange_answer("GetRecords", "a record has no Keys");
        stream_record one;
        one.sequence = string_at(*change, "SequenceNumber");
        if (!is_sequence(one.sequence))
            return strange_answer("GetRecords", "a record has no SequenceNumber");
        auto key = form_.key_of(*keys);
        if (!key)
            return failure{store_error::invalid,
                           fmt::format("the keys of table {} are not those of the conf", table_)};
        one.change.key = std::move(*key);
        // By the images: DynamoDB Local calls what a ttl removes by no known name.
        const json* const now = image_at(*change, "NewImage");
        const json* const before = image_at(*change, "OldImage");
        if (now != nullptr)
            one.change.now = form_.row_in(*now, *keys);
        if (now != nullptr || before != nullptr)
            one.change.version = form_.version_of(now != nullptr ? *now : *before);
        if (const auto size = change->find("SizeBytes");
            size != change->end() && size->is_number_unsigned())
            bytes += size->get<std::uint64_t>();
        page.records.push_back(std::move(one));
    }
    page.is_full = bytes >= nearly_a_page;
    return page;
}

result<scan_page> dynamodb_source::scan(std::size_t segment, std::size_t segments,
                                        std::string_view from, std::size_t count_max) {
    // Without a Limit DynamoDB Local reads far more for a page than it gives.
    json ask = {{"TableName", table_},
                {"ConsistentRead", true},
                {"Limit", std::clamp<std::size_t>(count_max, 1, 1'000)}};
    if (segments > 1) {
        ask["Segment"] = segment;
        ask["TotalSegments"] = segments;
    }
    if (!from.empty()) {
        auto start = aws::parse_json(from);
        if (!start || !start->is_object())
            return failure{store_error::invalid, "a scan cannot go on from there"};
        ask["ExclusiveStartKey"] = std::move(*start);
    }
    const auto answer = call(service::dynamodb, "Scan", ask);
    if (!answer && answer.error().code == feed_error::gone)
        return failure{store_error::unavailable,
                       fmt::format("table {}: {}", table_, answer.error().what)};
    if (!answer)
        return answer.error();
    const json* const items = array_at(*answer, "Items");
    if (items == nullptr)
        return strange_answer("Scan", "it has no Items");
    scan_page page;
    page.rows.reserve(items->size());
    for (const json& item : *items) {
        auto key = form_.key_of(item);
        auto row = key ? form_.row_of(item) : std::nullopt;
        if (!row)
            continue;
        page.rows.push_back({std::move(*key), std::move(row), form_.version_of(item)});
    }
    if (const json* const last = object_at(*answer, "LastEvaluatedKey"))
        page.next = aws::text_of(*last).value_or("");
    return page;
}

item_form session_form(const attribute_map& map) {
    return {[map](const json& item) { return key_text_of(item, map); },
            [map](const json& item) -> std::optional<any_row> {
                auto row = session_of(item, map);
                if (!row)
                    return std::nullopt;
                return any_row{std::move(*row)};
            },
            [map](const json& item) { return item_version(item, map); }};
}

item_form container_form(const container_map& map) {
    return {[map](const json& item) { return key_text_of(item, map); },
            [map](const json& item) -> std::optional<any_row> {
                auto row = container_of(item, map);
                if (!row)
                    return std::nullopt;
                return any_row{std::move(*row)};
            },
            [](const json&) { return std::uint64_t{0}; }};
}

} // namespace postern::sync::dynamodb
