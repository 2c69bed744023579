#include "edge/http/accept_encoding.hpp"

#include "edge/http/scan.hpp"

#include <algorithm>
#include <optional>

namespace postern::edge {
namespace {

/// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), in thousandths.
std::optional<unsigned> qvalue_of(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
        (text.size() > 1 && text[1] != '.'))
        return std::nullopt;
    unsigned value = text[0] == '1' ? 1000 : 0;
    unsigned place = 100;
    for (const char c : text.substr(text.size() > 1 ? 2 : 1)) {
        if (c < '0' || c > '9')
            return std::nullopt;
        value += static_cast<unsigned>(c - '0') * place;
        place /= 10;
    }
    return value <= 1000 ? std::optional{value} : std::nullopt;
}

/// What follows a coding's name: nothing, or ";q=...".
std::optional<unsigned> weight_of(std::string_view parameters) noexcept {
    if (parameters.empty())
        return 1000;
    const std::string_view weight = trimmed(parameters.substr(1));
    if (weight.size() < 2 || to_lower(weight[0]) != 'q' || weight[1] != '=')
        return std::nullopt;
    return qvalue_of(weight.substr(2));
}

} // namespace

coding_weights coding_weights_of(const field_list& fields) noexcept {
    std::optional<unsigned> brotli;
    std::optional<unsigned> gzip;
    std::optional<unsigned> identity;
    std::optional<unsigned> any;
    for (const field& f : fields) {
        if (f.id != known::accept_encoding)
            continue;
        for_each_member(f.value, [&](std::string_view member) {
            const std::size_t end = std::min(member.find(';'), member.size());
            const std::string_view name = trimmed(member.substr(0, end));
            const auto weight = weight_of(member.substr(end));
            if (!weight)
                return true;
            if (equal_ignoring_case(name, "br"))
                brotli = weight;
            else if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip"))
                gzip = weight;
            else if (equal_ignoring_case(name, "identity"))
                identity = weight;
            else if (name == "*")
                any = weight;
            return true;
        });
    }
    coding_weights found;
    found.brotli = brotli.value_or(any.value_or(0));
    found.gzip = gzip.value_or(any.value_or(0));
    found.identity = identity.value_or(any == 0U ? 0 : 1);
    return found;
}

} // namespace postern::edge
