#include "sync/aws/sigv4.hpp"

#include "base/check.hpp"
#include "base/percent.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace postern::sync::aws {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
// Changed or dropped on the way, so not to be signed. The same set as AWS's own signers leave out.
constexpr std::array unsigned_names{"connection", "expect", "transfer-encoding", "user-agent",
                                    "x-amzn-trace-id"};

std::string hex_of(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

std::string hmac_of(std::string_view key, std::string_view text) {
    std::string mac(SHA256_DIGEST_LENGTH, '\0');
    unsigned size = 0;
    POSTERN_CHECK(::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         reinterpret_cast<unsigned char*>(mac.data()), &size) != nullptr);
    return mac;
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// Without white space around it, and with one space where there is more inside.
std::string trimmed(std::string_view value) {
    std::string out;
    for (const char c : value) {
        const bool is_space = c == ' ' || c == '\t';
        if (!is_space)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    while (!out.empty() && out.back() == ' ')
        out.pop_back();
    return out;
}

/// Without empty and dot segments, as the services' own signers leave them out; then each byte but
/// '/' escaped, "%20" to "%2520".
std::string normalised_path(std::string_view path) {
    std::vector<std::string_view> kept;
    const bool ends_in_folder = path.ends_with('/');
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (segment == "..") {
            if (!kept.empty())
                kept.pop_back();
        } else if (!segment.empty() && segment != ".") {
            kept.push_back(segment);
        }
    }
    std::string out;
    for (const std::string_view segment : kept)
        out += "/" + base::percent_encoded(segment);
    if (out.empty() || ends_in_folder)
        out += '/';
    return out;
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string_view, std::string_view>> parts;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        if (!part.empty())
            parts.emplace_back(part.substr(0, equals),
                               part.substr(std::min(equals + 1, part.size())));
    }
    std::sort(parts.begin(), parts.end());
    std::string out;
    for (const auto& [name, value] : parts)
        out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
    return out;
}

struct canonical_headers {
    std::string lines; // "name:value\n", by name
    std::string names; // "name;name"
};

canonical_headers canonical(const http_headers& headers, const http_headers& added,
                            std::string_view host) {
    std::map<std::string, std::string> by_name{{"host", std::string{host}}};
    for (const http_headers* const some : {&headers, &added})
        for (const http_header& h : *some) {
            std::string name = lower(h.name);
            if (std::find(unsigned_names.begin(), unsigned_names.end(), name) !=
                unsigned_names.end())
                continue;
            const auto [at, is_new] = by_name.try_emplace(std::move(name), trimmed(h.value));
            if (!is_new) // said twice: one line, in their order
                at->second += "," + trimmed(h.value);
        }
    canonical_headers out;
    for (const auto& [name, value] : by_name) {
        out.lines.append(name).append(":").append(value).append("\n");
        out.names.append(out.names.empty() ? "" : ";").append(name);
    }
    return out;
}

} // namespace

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    unsigned size = 0;
    POSTERN_CHECK(
        ::EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return hex_of({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

http_headers sign(const sigv4_request& request, const sigv4_scope& scope, const credentials& by,
                  base::wall_time now) {
    const auto utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
    const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", utc);
    const std::string date = time.substr(0, 8);

    http_headers added{{"X-Amz-Date", time}};
    if (!by.session_token.empty())
        added.push_back({"X-Amz-Security-Token", by.session_token});

    const canonical_headers headers = canonical(request.headers, added, request.host);
    const std::string path = request.path.empty() ? "/" : std::string{request.path};
    const std::string canonical_request = fmt::format(
        "{}\n{}\n{}\n{}\n{}\n{}", request.method,
        request.path_form == sigv4_path::normalised ? normalised_path(path) : path,
        canonical_query(request.query), headers.lines, headers.names, request.payload_sha256);

    const std::string where =
        fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
    const std::string text =
        fmt::format("{}\n{}\n{}\n{}", algorithm, time, where, sha256_hex(canonical_request));
    std::string key = "AWS4" + by.secret_access_key;
    for (const std::string_view part :
         {std::string_view{date}, scope.region, scope.service, std::string_view{"aws4_request"}})
        key = hmac_of(key, part);
    added.push_back(
        {"Authorization",
         fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                     by.access_key_id, where, headers.names, hex_of(hmac_of(key, text)))});
    return added;
}

} // namespace postern::sync::aws
