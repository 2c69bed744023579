#include "sync/dynamodb/session_items.hpp"

#include "sync/dynamodb/call_errors.hpp"
#include "sync/dynamodb/expression.hpp"
#include "sync/store/session_defect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace postern::sync::dynamodb {

using aws::aws_error;
using aws::service;
using base::failure;
using base::result;

namespace {

constexpr std::size_t scan_page = 1'000;
constexpr std::uint64_t version_step = 1'000; // versions within a millisecond, or a change

/// FNV-1a of texts and numbers, each with its end.
class token_hash {
  public:
    void add(std::string_view text) {
        for (const char c : text)
            mix(static_cast<unsigned char>(c));
        mix(0x100);
    }
    void add(std::uint64_t number) {
        for (int i = 0; i < 8; ++i)
            mix((number >> (8 * i)) & 0xff);
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

  private:
    void mix(std::uint64_t byte) {
        hash_ ^= byte;
        hash_ *= 1'099'511'628'211ULL;
    }
    std::uint64_t hash_ = 14'695'981'039'346'656'037ULL;
};

} // namespace

std::uint64_t token_of(const session& record, std::uint64_t item_version) {
    token_hash h;
    h.add(item_version);
    for (const std::string* text :
         {&record.session_id, &record.client_id, &record.user_id, &record.thread_id, &record.task,
          &record.instruction, &record.reason, &record.branch, &record.last_commit})
        h.add(*text);
    h.add(record.target.address.is_none() ? std::string{} : record.target.text());
    h.add(static_cast<std::uint64_t>(record.status));
    h.add(record.is_dirty ? 1U : 0U);
    h.add(static_cast<std::uint64_t>(record.created_at_ms));
    h.add(static_cast<std::uint64_t>(record.started_at_ms));
    h.add(record.access_generation);
    // JSON's readers take whole numbers up to 2^53 for what they are.
    return std::max<std::uint64_t>(h.value() & ((1ULL << 53) - 1), 1);
}

std::optional<std::string> session_id_in(std::string_view route_key,
                                         const base::text_template& of) {
    std::optional<std::string> id;
    const bool is_key =
        base::read_route_key(of, route_key, [&](std::string_view name, std::string_view value) {
            if (name == "sessionId")
                id = value;
        });
    return is_key ? id : std::nullopt;
}

std::uint64_t session_items::next_version(std::uint64_t after) const {
    // By the clock, so that an item that is made anew is newer than the one that was removed; with
    // a few bits of chance, so that a write is known again when its answer was lost.
    thread_local std::minstd_rand dice{std::random_device{}()};
    const std::uint64_t chance = dice() % version_step;
    const auto by_clock =
        static_cast<std::uint64_t>(base::to_epoch_ms(time_.wall())) * version_step;
    return std::max(by_clock, after + 1) + chance;
}

failure session_items::failed_call(const aws::call_failure& why) const {
    failure made = store_failure(why);
    made.what = fmt::format("table {}: {}", of_.table, made.what);
    return made;
}

failure session_items::refusal(store_error code, std::string_view session_id,
                               std::string_view what) const {
    return {code, fmt::format("table {}: session \"{}\"{}", of_.table, session_id, what)};
}

json session_items::request(const json& item) const {
    json key = {{of_.attributes.hash.attribute, item.at(of_.attributes.hash.attribute)}};
    if (const auto& range = of_.attributes.range)
        key[range->attribute] = item.at(range->attribute);
    return {{"TableName", of_.table}, {"Key", std::move(key)}};
}

result<std::optional<json>> session_items::read_item(std::string_view session_id,
                                                     const std::stop_token& stop) {
    const attribute_map& map = of_.attributes;
    const std::string hash = map.hash.value_of(session_id);
    if (map.has_key_of_id()) {
        session by_id;
        by_id.session_id = session_id;
        const json ask = {
            {"TableName", of_.table}, {"Key", key_of(by_id, map)}, {"ConsistentRead", true}};
        auto answer = calls_.call(service::dynamodb, "GetItem", ask, stop);
        if (!answer)
            return failed_call(answer.error());
        const auto item = answer->find("Item");
        if (item == answer->end() || !item->is_object())
            return std::optional<json>{};
        return std::optional{std::move(*item)};
    }
    json ask = {{"TableName", of_.table},
                {"ConsistentRead", true},
                {"Limit", 1},
                {"KeyConditionExpression", "#h = :h"},
                {"ExpressionAttributeNames", {{"#h", map.hash.attribute}}},
                {"ExpressionAttributeValues", {{":h", string_value(hash)}}}};
    if (!map.range->prefix.empty()) {
        ask["KeyConditionExpression"] = "#h = :h AND begins_with(#r, :r)";
        ask["ExpressionAttributeNames"]["#r"] = map.range->attribute;
        ask["ExpressionAttributeValues"][":r"] = string_value(map.range->prefix);
    }
    auto answer = calls_.call(service::dynamodb, "Query", ask, stop);
    if (!answer)
        return failed_call(answer.error());
    const auto items = answer->find("Items");
    if (items == answer->end() || !items->is_array() || items->empty())
        return std::optional<json>{};
    return std::optional{std::move(items->front())};
}

result<base::ip_endpoint> session_items::target_of(const std::string& container_id,
                                                   const std::stop_token& stop) {
    const json ask = {{"TableName", of_.containers->table},
                      {"Key", {{of_.containers->key, string_value(container_id)}}},
                      {"ConsistentRead", true}};
    const auto answer = calls_.call(service::dynamodb, "GetItem", ask, stop);
    if (!answer)
        return failed_call(answer.error());
    if (const auto item = answer->find("Item"); item != answer->end())
        if (const auto container = container_of(*item, *of_.containers);
            container && container->defect.empty())
            return container->target;
    return base::ip_endpoint{};
}

result<std::optional<session_item>> session_items::made_of(json item, const std::stop_token& stop,
                                                           targets* known) {
    auto row = session_of(item, of_.attributes);
    auto key = key_text_of(item, of_.attributes);
    if (!row || !key)
        return std::optional<session_item>{};
    session_item made{std::move(item), std::move(*key), std::move(*row), 0};
    session& record = made.row.read.record;
    if (const std::string& id = made.row.container_id; !id.empty() && of_.containers) {
        const auto at = known != nullptr ? known->find(id) : targets::iterator{};
        if (known != nullptr && at != known->end()) {
            record.target = at->second;
        } else {
            const auto target = target_of(id, stop);
            if (!target)
                return target.error();
            record.target = *target;
            if (known != nullptr)
                known->emplace(id, *target);
        }
    }
    made.version = record.version;
    record.route_key = route_key_of(record, of_.route_key).value_or(std::string{});
    record.version = token_of(record, made.version);
    return std::optional{std::move(made)};
}

result<std::optional<session_item>> session_items::read(std::string_view session_id,
                                                        const std::stop_token& stop) {
    if (session_id.empty() || session_id.size() > 2'000)
        return std::optional<session_item>{}; // no key is
    auto item = read_item(session_id, stop);
    if (!item)
        return item.error();
    if (!*item)
        return std::optional<session_item>{};
    return made_of(std::move(**item), stop);
}

result<session_item> session_items::insert(const session& record) {
    if (std::string defect = defect_of(record); !defect.empty())
        return failure{store_error::invalid, "session cannot be stored: " + defect};
    const auto exists = [&] { return refusal(store_error::exists, record.session_id); };
    if (!of_.attributes.has_key_of_id()) {
        const auto known = read(record.session_id);
        if (!known)
            return known.error();
        if (*known)
            return exists();
    }
    session made = record;
    made.version = next_version(0);
    if (made.created_at_ms == 0)
        made.created_at_ms = base::to_epoch_ms(time_.wall());
    json item = item_of(made, of_.attributes);
    expression condition;
    condition.require_absent(of_.attributes.hash.attribute);
    json ask = {{"TableName", of_.table},
                {"Item", item},
                {"ReturnValuesOnConditionCheckFailure", "ALL_OLD"}};
    condition.put_into(ask);
    if (const auto done = write("PutItem", std::move(ask), units_.writes); !done) {
        if (done.error().code != aws_error::condition_failed)
            return failed_call(done.error());
        // Ours, when the answer to an earlier attempt was lost.
        const json details = done.error().details;
        if (!details.is_object() || !details.contains("Item") ||
            item_version(details["Item"], of_.attributes) != made.version)
            return exists();
    }
    auto read = made_of(std::move(item), {});
    if (!read)
        return read.error();
    if (!*read)
        return strange_answer("PutItem", "what was written is no session");
    return std::move(**read);
}

result<void> session_items::try_write() {
    session nobody;
    // No session's: ids of sessions have no control characters.
    nobody.session_id = nobody.user_id = nobody.client_id = nobody.thread_id = "\x01postern";
    json ask = request(key_of(nobody, of_.attributes));
    expression none;
    none.set(of_.attributes[field::reason], string_value("writing works"));
    none.require_exists(of_.attributes.hash.attribute);
    none.put_into(ask);
    const auto done = write("UpdateItem", std::move(ask), units_.writes);
    if (done || done.error().code == aws_error::condition_failed)
        return {};
    return failed_call(done.error());
}

result<void> session_items::scan(const std::function<bool(session_item&&)>& take) {
    json ask = {{"TableName", of_.table}, {"ConsistentRead", true}, {"Limit", scan_page}};
    targets known;
    for (;;) {
        auto page = calls_.call(service::dynamodb, "Scan", ask);
        if (!page)
            return failed_call(page.error());
        const auto items = page->find("Items");
        if (items == page->end() || !items->is_array())
            return strange_answer("Scan", "it has no Items");
        for (json& item : *items) {
            auto made = made_of(std::move(item), {}, &known);
            if (!made)
                return made.error();
            if (*made && !take(std::move(**made)))
                return {};
        }
        const auto last = page->find("LastEvaluatedKey");
        if (last == page->end())
            return {};
        ask["ExclusiveStartKey"] = *last;
    }
}

} // namespace postern::sync::dynamodb
