// What is said about TLS.
#include "edge/settings/setters.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

using answer = std::optional<complaint>;

constexpr std::size_t certificates_max = 4; // OpenSSL has as many kinds of key that browsers know

answer set_certificate(const call& c, tls_scope& out) {
    certificate_files made;
    made.source = c.source();
    if (auto wrong = take(path_of(c, 0), made.chain))
        return wrong;
    if (auto wrong = take(path_of(c, 1), made.key))
        return wrong;
    if (!out.certificates)
        out.certificates.emplace();
    const auto same = [&](const certificate_files& other) { return other.chain == made.chain; };
    if (std::any_of(out.certificates->begin(), out.certificates->end(), same))
        return complaint{fmt::format("{} is there twice", shown(made.chain))};
    if (out.certificates->size() == certificates_max)
        return complaint{fmt::format("more than {} certificates in one server", certificates_max)};
    out.certificates->push_back(std::move(made));
    return std::nullopt;
}

answer set_protocols(const call& c, tls_scope& out) {
    std::pair<bool, bool> chosen{false, false};
    for (std::size_t i = 0; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        if (word == "SSLv2" || word == "SSLv3" || word == "TLSv1" || word == "TLSv1.1")
            return complaint{fmt::format("{} is broken and not spoken; write TLSv1.2 TLSv1.3, or "
                                         "TLSv1.3 alone",
                                         word)};
        if (word != "TLSv1.2" && word != "TLSv1.3")
            return complaint{
                fmt::format("\"{}\" is not known; write TLSv1.2 or TLSv1.3", shown(word))};
        (word == "TLSv1.2" ? chosen.first : chosen.second) = true;
    }
    out.protocols = chosen;
    return std::nullopt;
}

answer set_ciphers(const call& c, tls_scope& out) {
    if (c.word(0).empty())
        return complaint{"the list is empty"};
    out.ciphers = c.word(0);
    out.ciphers_source = c.source();
    return std::nullopt;
}

answer set_tickets(const call& c, tls_scope& out) {
    return take(on_or_off(c.word(0)), out.tickets);
}

const setter<tls_scope> table[] = {
    {"ssl_certificate", set_certificate},
    {"ssl_protocols", set_protocols},
    {"ssl_ciphers", set_ciphers},
    {"ssl_session_tickets", set_tickets},
};

} // namespace

std::span<const setter<tls_scope>> tls_setters() {
    return table;
}

void tls_scope::inherit(const tls_scope& outer) {
    if (!certificates)
        certificates = outer.certificates;
    if (!protocols)
        protocols = outer.protocols;
    if (!ciphers) {
        ciphers = outer.ciphers;
        ciphers_source = outer.ciphers_source;
    }
    if (!tickets)
        tickets = outer.tickets;
}

tls_settings tls_scope::settled() const {
    tls_settings made;
    if (certificates)
        made.certificates = *certificates;
    made.tls12 = protocols->first;
    made.tls13 = protocols->second;
    made.ciphers = *ciphers;
    made.ciphers_source = ciphers_source;
    made.tickets = *tickets;
    return made;
}

} // namespace postern::edge
