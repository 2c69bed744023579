#include "edge/tls/certificate.hpp"

#include "base/file.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <sys/stat.h>

namespace postern::edge {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr int soon_days = 14; // ACME clients renew a month ahead: this late, something is broken

base::failure
fault(const certificate_files& files, const std::string& reason,
      base::error_code code = make_error_code(boost::system::errc::invalid_argument)) {
    return {code, fmt::format("{}: directive \"ssl_certificate\": {}", files.source, reason)};
}

base::result<std::string> content_of(const certificate_files& files, const std::string& path) {
    auto text = base::read_file(path, file_bytes_max);
    if (!text)
        return fault(files, path + " cannot be read", text.error().code);
    return text;
}

/// In place of OpenSSL's own, which asks at the terminal.
int no_password(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

base::result<evp_pkey_ptr> key_from(const certificate_files& files) {
    auto text = content_of(files, files.key);
    if (!text)
        return text.error();
    bool encrypted = false;
    const bio_ptr bytes{BIO_new_mem_buf(text->data(), static_cast<int>(text->size()))};
    evp_pkey_ptr key{PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_password, &encrypted)};
    OPENSSL_cleanse(text->data(), text->size());
    if (key)
        return key;
    const std::string complaint = openssl_complaint();
    if (encrypted)
        return fault(files, fmt::format("{} is encrypted; a start asks nobody for a password: "
                                        "openssl pkey takes it off",
                                        files.key));
    return fault(files,
                 fmt::format("{} holds no private key in PEM form ({})", files.key, complaint));
}

/// "Mar 01 12:00:00 2026 GMT".
std::string text_of(const ASN1_TIME* time) {
    const bio_ptr to{BIO_new(BIO_s_mem())};
    char* text = nullptr;
    if (ASN1_TIME_print(to.get(), time) != 1)
        return "?";
    const auto bytes = BIO_get_mem_data(to.get(), &text);
    return {text, static_cast<std::size_t>(bytes)};
}

void doubt_dates(const certificate& of, const certificate_files& files, std::time_t now,
                 std::vector<std::string>& doubts) {
    const ASN1_TIME* const end = X509_get0_notAfter(of.leaf.get());
    std::time_t soon = now + std::time_t{soon_days} * 24 * 3600;
    if (X509_cmp_time(X509_get0_notBefore(of.leaf.get()), &now) > 0)
        doubts.push_back(fmt::format("{}: certificate {} is not valid before {}", files.source,
                                     files.chain, text_of(X509_get0_notBefore(of.leaf.get()))));
    if (X509_cmp_time(end, &now) < 0)
        doubts.push_back(fmt::format("{}: certificate {} has expired: {}; browsers refuse it",
                                     files.source, files.chain, text_of(end)));
    else if (X509_cmp_time(end, &soon) < 0)
        doubts.push_back(fmt::format("{}: certificate {} expires in less than {} days: {}",
                                     files.source, files.chain, soon_days, text_of(end)));
}

/// A name to try a certificate with; empty where none is sure: captures inside of a name may stand
/// for few values, each of which has a place in the certificate.
std::string sample_of(const capture_pattern& name) {
    std::string text;
    for (const capture_pattern::piece& p : name.pieces) {
        if (p.is_capture && !text.empty())
            return {};
        text += p.is_capture ? "x" : p.text;
    }
    return text;
}

void doubt_names(const certificate& of, const certificate_files& files,
                 const server_settings& server, std::vector<std::string>& doubts) {
    for (const capture_pattern& name : server.names) {
        const std::string text = sample_of(name);
        if (text.empty())
            continue;
        if (X509_check_host(of.leaf.get(), text.data(), text.size(), 0, nullptr) != 1 &&
            X509_check_ip_asc(of.leaf.get(), text.c_str(), 0) != 1)
            doubts.push_back(fmt::format("{}: certificate {} is not for server_name {}; browsers "
                                         "refuse it there",
                                         files.source, files.chain, name.text));
    }
}

} // namespace

std::string openssl_complaint() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return reason != nullptr ? reason : "no reason given";
}

base::result<certificate> load_certificate(const certificate_files& files) {
    ERR_clear_error();
    const auto text = content_of(files, files.chain);
    if (!text)
        return text.error();
    certificate made;
    const bio_ptr bytes{BIO_new_mem_buf(text->data(), static_cast<int>(text->size()))};
    bool asked = false;
    made.leaf.reset(PEM_read_bio_X509_AUX(bytes.get(), nullptr, no_password, &asked));
    if (!made.leaf)
        return fault(files, fmt::format("{} holds no certificate in PEM form ({})", files.chain,
                                        openssl_complaint()));
    while (X509* const next = PEM_read_bio_X509(bytes.get(), nullptr, no_password, &asked))
        made.chain.emplace_back(next);
    // That no other stands there is how the file ends; anything else is a broken one.
    const unsigned long last = ERR_peek_last_error();
    if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        return fault(files, fmt::format("{}: certificate {} in it is broken ({})", files.chain,
                                        made.chain.size() + 2, openssl_complaint()));
    ERR_clear_error();
    auto key = key_from(files);
    if (!key)
        return key.error();
    made.key = std::move(*key);
    if (X509_check_private_key(made.leaf.get(), made.key.get()) != 1) {
        ERR_clear_error();
        return fault(files, fmt::format("{} is not the private key of the first certificate in {}",
                                        files.key, files.chain));
    }
    return made;
}

std::vector<std::string> doubts_about(const certificate& of, const certificate_files& files,
                                      const server_settings& server, std::time_t now) {
    std::vector<std::string> doubts;
    doubt_dates(of, files, now, doubts);
    doubt_names(of, files, server, doubts);
    struct stat about {};
    if (::stat(files.key.c_str(), &about) == 0 && (about.st_mode & S_IROTH) != 0)
        doubts.push_back(fmt::format("{}: everyone can read the private key {}; chmod 600 it",
                                     files.source, files.key));
    return doubts;
}

const char* kind_of(const certificate& of) noexcept {
    switch (EVP_PKEY_get_base_id(of.key.get())) {
    case EVP_PKEY_RSA:
        return "RSA";
    case EVP_PKEY_EC:
        return "ECDSA";
    case EVP_PKEY_ED25519:
        return "Ed25519";
    default:
        return "of another kind";
    }
}

} // namespace postern::edge
