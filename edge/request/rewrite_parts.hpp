// What the two rewriters share: hop-by-hop fields, Connection's nominations, and appending without
// a way to inject a line.
#pragma once

#include "edge/http/field.hpp"
#include "edge/http/head_lines.hpp"

#include <boost/container/static_vector.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::edge {

/// Fields that end at this hop (RFC 9110 7.6.1), whatever Connection says.
[[nodiscard]] bool is_hop_by_hop(known id) noexcept;

/// What a name with underscores would be with dashes, for the names that matter: ours and those
/// about the client. `other` for a name without underscores.
[[nodiscard]] known known_with_dashes(std::string_view name) noexcept;

/// The names that a head's Connection fields list, except its options. Only fields that postern
/// does not know can be nominated: a client must not be able to strip Host, Cookie or
/// X-Forwarded-For.
class nominations {
  public:
    /// `any`: the head's connection_names; without any, `fields` are not looked at.
    nominations(const field_list& fields, bool any) {
        if (any)
            gather(fields);
    }
    [[nodiscard]] bool has(std::string_view name) const noexcept {
        for (const std::string_view n : names_)
            if (equal_ignoring_case(n, name))
                return true;
        return false;
    }

  private:
    void gather(const field_list& fields);
    boost::container::static_vector<std::string_view, nominated_max> names_;
};

} // namespace postern::edge
