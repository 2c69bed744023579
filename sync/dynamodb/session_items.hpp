// Sessions in the remote table, one at a time: strong reads and conditional writes. Other services
// write to the table, too: what they have there stays, and what they change meanwhile is noticed.
#pragma once

#include "sync/dynamodb/item.hpp"
#include "sync/dynamodb/table_options.hpp"
#include "sync/dynamodb/write_units.hpp"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::sync::dynamodb {

/// An item as it was read. The record has its route key, and its target where a container has that;
/// its `version` is `token_of`.
struct session_item {
    json item;
    std::string key;
    session_row row;
    std::uint64_t version = 0; // the item's own
};

/// What a record's `version` is to this store: a number that is another one when anything but
/// activity has changed, also by a writer that counts no version. 1 to 2^53 - 1.
[[nodiscard]] std::uint64_t token_of(const session& record, std::uint64_t item_version);

/// The session id in a route key, where the template has {sessionId}; nothing: it has not, or this
/// is no key of it.
[[nodiscard]] std::optional<std::string> session_id_in(std::string_view route_key,
                                                       const base::text_template& of);

/// Thread-safe as the client is. Calls block, and end soon after `stop` is set. Errors of each
/// besides those that it names: unavailable, invalid.
class session_items {
  public:
    /// The references outlive it. What writes cost is added to `units`.
    session_items(aws::client& calls, const table_options& of, const base::clock& time,
                  write_units& units)
        : calls_{calls}, of_{of}, time_{time}, units_{units} {}

    /// Nothing: there is none. A row may have a defect.
    [[nodiscard]] base::result<std::optional<session_item>> read(std::string_view session_id,
                                                                 const std::stop_token& stop = {});
    /// Errors: exists.
    [[nodiscard]] base::result<session_item> insert(const session& record);
    /// Only what differs from the item is written. Errors: conflict (the token is another one),
    /// not_found.
    [[nodiscard]] base::result<session_item> replace(const session& record);
    /// `token` 0: any. What was removed. Errors: conflict, not_found.
    [[nodiscard]] base::result<session_item> remove(std::string_view session_id,
                                                    std::uint64_t token);
    /// Adds activity, later times stay. False: there is no such item.
    [[nodiscard]] base::result<bool> add_activity(const activity_update& update,
                                                  const std::stop_token& stop);
    /// A write that changes nothing, to see whether writing works.
    [[nodiscard]] base::result<void> try_write();

    /// Every session in the table, in no order, by strong reads. `take` says whether to go on.
    [[nodiscard]] base::result<void> scan(const std::function<bool(session_item&&)>& take);

    /// "table T: session "ID"WHAT".
    [[nodiscard]] base::failure refusal(store_error code, std::string_view session_id,
                                        std::string_view what = {}) const;

  private:
    [[nodiscard]] base::result<std::optional<json>> read_item(std::string_view session_id,
                                                              const std::stop_token& stop);
    using targets = std::unordered_map<std::string, base::ip_endpoint>; // by container
    /// Nothing: it is no session's. `known`: what was looked up already, and need not be again.
    [[nodiscard]] base::result<std::optional<session_item>>
    made_of(json item, const std::stop_token& stop, targets* known = nullptr);
    [[nodiscard]] base::result<base::ip_endpoint> target_of(const std::string& container_id,
                                                            const std::stop_token& stop);
    [[nodiscard]] json request(const json& item) const; // to the table, about that item
    /// Writes, and adds what that cost to `cost`.
    [[nodiscard]] aws::reply<json> write(std::string_view operation, json ask,
                                         std::atomic<std::uint64_t>& cost,
                                         const std::stop_token& stop = {});
    [[nodiscard]] base::failure failed_call(const aws::call_failure& why) const;
    [[nodiscard]] std::uint64_t next_version(std::uint64_t after) const;

    aws::client& calls_;
    const table_options& of_;
    const base::clock& time_;
    write_units& units_;
};

} // namespace postern::sync::dynamodb
