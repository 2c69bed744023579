// What is written to items that are there: only what differs, and only where what was read still
// holds.
#include "sync/dynamodb/call_errors.hpp"
#include "sync/dynamodb/expression.hpp"
#include "sync/dynamodb/item_reader.hpp"
#include "sync/dynamodb/session_items.hpp"
#include "sync/dynamodb/time_text.hpp"
#include "sync/store/session_defect.hpp"

#include <algorithm>
#include <cmath>

namespace postern::sync::dynamodb {

using aws::aws_error;
using aws::service;
using base::failure;
using base::result;

namespace {

// Activity is written all the time, and makes a condition fail that nothing else would.
constexpr int tries_max = 5;

constexpr field written_as_they_are[] = {field::client_id,   field::user_id,     field::thread_id,
                                         field::status,      field::task,        field::started_at,
                                         field::created_at,  field::branch,      field::is_dirty,
                                         field::last_commit, field::instruction, field::reason};
// What a token stands for, but for the one long text: writers that change it change more.
constexpr field required[] = {field::client_id, field::user_id,    field::thread_id,
                              field::status,    field::task,       field::ip,
                              field::port,      field::started_at, field::created_at,
                              field::branch,    field::is_dirty,   field::last_commit,
                              field::reason,    field::version,    field::access_generation};

void require_unchanged(expression& e, const json& item, const attribute_map& map) {
    for (const field f : required)
        if (!map.is_in_key(f))
            e.require_same(map[f], item);
    if (map.has_containers)
        e.require_same(map[field::container_id], item);
    e.require_exists(map.hash.attribute);
}

void write_target(expression& e, const session& was, const session& wanted, const json& item,
                  const attribute_map& map) {
    if (was.target == wanted.target)
        return;
    const auto remove = [&](field f) {
        if (item.contains(map[f]))
            e.remove(map[f]);
    };
    if (wanted.target.address.is_none()) {
        remove(field::ip);
        if (map.has_containers)
            remove(field::container_id);
    } else {
        e.set(map[field::ip], string_value(wanted.target.address.text()));
    }
    if (wanted.target.address.is_none() || wanted.target.port == map.port)
        remove(field::port);
    else
        e.set(map[field::port], number_value(wanted.target.port));
}

/// As the item has it now, so that a type that others rely on stays; else as conf says. A ttl as
/// DynamoDB deletes by it.
time_form form_in(const json& item, const attribute_map& map, field f) {
    const json* const value = find_attribute(item, map[f]);
    if (f == field::ttl || value == nullptr || !value->is_object())
        return map.form_of(f);
    if (value->contains("S"))
        return time_form::iso;
    return is_in_milliseconds(aws::string_at(*value, "N")) ? time_form::milliseconds
                                                           : time_form::seconds;
}

/// The later time, the larger count: what is in the item is never set back.
void merge_activity(expression& e, const session& was, const session& wanted, const json& item,
                    const attribute_map& map) {
    const auto later = [&](field f, std::int64_t before, std::int64_t after) {
        if (after <= before)
            return;
        e.set(map[f], time_value(after, form_in(item, map, f)));
        e.require_same(map[f], item);
    };
    later(field::last_activity_at, was.last_activity_at_ms, wanted.last_activity_at_ms);
    later(field::ttl, was.ttl_ms, wanted.ttl_ms);
    if (wanted.request_count > was.request_count)
        e.add(map[field::request_count], wanted.request_count - was.request_count);
    if (wanted.bytes_transferred > was.bytes_transferred)
        e.add(map[field::bytes_transferred], wanted.bytes_transferred - was.bytes_transferred);
}

expression difference(const session& was, const session& wanted, const json& item,
                      const attribute_map& map) {
    expression e;
    for (const field f : written_as_they_are) {
        if (map.is_in_key(f))
            continue;
        const json before = value_of(was, f, map);
        json after = value_of(wanted, f, map);
        if (before == after)
            continue;
        if (after.is_null())
            e.remove(map[f]);
        else
            e.set(map[f], std::move(after));
    }
    write_target(e, was, wanted, item, map);
    merge_activity(e, was, wanted, item, map);
    // Where the item says nothing, it goes by the time of creation, which may change just now.
    const bool says = find_attribute(item, map[field::access_generation]) != nullptr;
    const std::uint32_t otherwise =
        says ? was.access_generation : standard_access_generation(wanted.created_at_ms);
    if (wanted.access_generation != otherwise && wanted.access_generation != 0)
        e.set(map[field::access_generation], number_value(wanted.access_generation));
    return e;
}

} // namespace

aws::reply<json> session_items::write(std::string_view operation, json ask,
                                      std::atomic<std::uint64_t>& cost,
                                      const std::stop_token& stop) {
    ask["ReturnConsumedCapacity"] = "TOTAL";
    auto done = calls_.call(service::dynamodb, operation, ask, stop);
    std::uint64_t units = !done && done.error().code == aws_error::condition_failed ? 1 : 0;
    if (const json* const said = done ? aws::object_at(*done, "ConsumedCapacity") : nullptr)
        if (const auto total = said->find("CapacityUnits");
            total != said->end() && total->is_number())
            units = static_cast<std::uint64_t>(
                std::llround(std::clamp(total->get<double>(), 0.0, 1e6)));
    cost.fetch_add(units, std::memory_order_relaxed);
    return done;
}

result<session_item> session_items::replace(const session& wanted) {
    if (std::string defect = defect_of(wanted); !defect.empty())
        return failure{store_error::invalid, "session cannot be stored: " + defect};
    const attribute_map& map = of_.attributes;
    const auto refuse = [&](store_error code, std::string_view what = {}) {
        return refusal(code, wanted.session_id, what);
    };
    for (int tries = 0; tries < tries_max; ++tries) {
        auto now = read(wanted.session_id);
        if (!now)
            return now.error();
        if (!*now)
            return refuse(store_error::not_found);
        const session& was = (*now)->row.read.record;
        if (!(*now)->row.read.defect.empty())
            return refuse(store_error::invalid, ": " + (*now)->row.read.defect);
        if (was.version != wanted.version)
            return refuse(store_error::conflict, " was changed by somebody else");
        json ask = request((*now)->item);
        if (ask["Key"] != key_of(wanted, map))
            return refuse(store_error::invalid,
                          ": an id that is part of its key cannot be changed");
        expression e = difference(was, wanted, (*now)->item, map);
        const std::uint64_t version = next_version((*now)->version);
        e.set(map[field::version], number_value(version));
        require_unchanged(e, (*now)->item, map);
        e.put_into(ask);
        ask["ReturnValues"] = "ALL_NEW";
        ask["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD";
        auto done = write("UpdateItem", std::move(ask), units_.writes);
        if (!done && done.error().code != aws_error::condition_failed)
            return failed_call(done.error());
        json answer = done ? std::move(*done) : done.error().details;
        const char* const where = done ? "Attributes" : "Item";
        const auto there = answer.is_object() ? answer.find(where) : answer.end();
        if (there == answer.end())
            return done ? strange_answer("UpdateItem", "it has no Attributes")
                        : refuse(store_error::not_found);
        // A failed condition may be that of a repeated request, whose first one was done.
        if (!done && item_version(*there, map) != version)
            continue;
        auto made = made_of(std::move(*there), {});
        if (!made)
            return made.error();
        if (!*made)
            return strange_answer("UpdateItem", "what was written is no session");
        return std::move(**made);
    }
    return refuse(store_error::conflict, " is changed by others all the time");
}

result<session_item> session_items::remove(std::string_view session_id, std::uint64_t token) {
    const auto refuse = [&](store_error code, std::string_view what = {}) {
        return refusal(code, session_id, what);
    };
    for (int tries = 0; tries < tries_max; ++tries) {
        auto now = read(session_id);
        if (!now)
            return now.error();
        if (!*now)
            return refuse(store_error::not_found);
        if (token != 0 && (*now)->row.read.record.version != token)
            return refuse(store_error::conflict, " was changed by somebody else");
        json ask = request((*now)->item);
        expression e;
        if (token != 0)
            require_unchanged(e, (*now)->item, of_.attributes);
        e.put_into(ask);
        const auto done = write("DeleteItem", std::move(ask), units_.writes);
        if (done)
            return std::move(**now);
        if (done.error().code != aws_error::condition_failed)
            return failed_call(done.error());
        // Changed, or gone: by a repeated request of ours, too.
        const auto after = read(session_id);
        if (!after)
            return after.error();
        if (!*after)
            return std::move(**now);
    }
    return refuse(store_error::conflict, " is changed by others all the time");
}

result<bool> session_items::add_activity(const activity_update& update,
                                         const std::stop_token& stop) {
    const attribute_map& map = of_.attributes;
    // Hosts' clocks differ; a time from the future would hold off everybody's.
    constexpr std::int64_t ahead_ms = 2'000;
    const std::int64_t now_ms = base::to_epoch_ms(time_.wall()) + ahead_ms;
    const std::int64_t at_ms = std::min(update.last_activity_at_ms, now_ms);
    const std::int64_t ttl_ms = update.ttl_ms - (update.last_activity_at_ms - at_ms);
    const auto count = [&](expression& e) {
        if (update.requests > 0)
            e.add(map[field::request_count], update.requests);
        if (update.bytes > 0)
            e.add(map[field::bytes_transferred], update.bytes);
    };
    const auto merge = [&](expression& e, field f, std::int64_t ms) {
        if (ms <= 0)
            return;
        e.set(map[f], time_value(ms, map.form_of(f)));
        e.require_less(map[f], time_value(ms, map.form_of(f)));
    };

    json key;
    std::optional<json> item; // as a failed condition showed it
    if (!map.has_key_of_id()) {
        auto found = read_item(update.session_id, stop);
        if (!found)
            return found.error();
        if (!*found || !key_text_of(**found, map))
            return false;
        item = std::move(**found);
        key = *item;
    } else {
        session by_id;
        by_id.session_id = update.session_id;
        key = key_of(by_id, map);
    }
    for (int tries = 0; tries < tries_max; ++tries) {
        json ask = request(key);
        expression e;
        count(e);
        if (!item) {
            merge(e, field::last_activity_at, at_ms);
            merge(e, field::ttl, ttl_ms);
            if (ttl_ms > 0 && update.tried_at_ms > 0)
                e.require_not_less(map[field::ttl],
                                   time_value(update.tried_at_ms, map.form_of(field::ttl)));
        } else if (const auto row = session_of(*item, map)) {
            // It has something later, or in another form: what it has is known now.
            session wanted = row->read.record;
            wanted.last_activity_at_ms = at_ms;
            const std::int64_t was_ms = row->read.record.ttl_ms;
            const bool had_passed = was_ms > 0 && was_ms < update.tried_at_ms;
            wanted.ttl_ms = had_passed ? was_ms : ttl_ms;
            merge_activity(e, row->read.record, wanted, *item, map);
        }
        if (!e.changes_something())
            return true;
        e.require_exists(map.hash.attribute);
        e.put_into(ask);
        ask["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD";
        const auto done = write("UpdateItem", std::move(ask), units_.activity, stop);
        if (done)
            return true;
        if (done.error().code != aws_error::condition_failed)
            return failed_call(done.error());
        const json details = done.error().details;
        const auto there = details.is_object() ? details.find("Item") : details.end();
        if (there == details.end())
            return false;
        item = *there;
    }
    return refusal(store_error::unavailable, update.session_id,
                   " is changed by others all the time");
}

} // namespace postern::sync::dynamodb
