// Certificates and keys made for a test, in a folder of its own.
#pragma once

#include "edge/tls/openssl.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge::testing {

class pem_files {
  public:
    pem_files() {
        std::string name = (std::filesystem::temp_directory_path() / "postern_tls_XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            std::abort();
        folder = name;
    }
    pem_files(const pem_files&) = delete;
    pem_files& operator=(const pem_files&) = delete;
    ~pem_files() { std::filesystem::remove_all(folder); }

    enum class kind { ecdsa, rsa };
    /// NAME.pem and NAME.key in the folder; `alternatives` as in "DNS:a.test,DNS:*.b.test".
    void make(const std::string& name, const std::string& alternatives, kind of = kind::ecdsa,
              long valid_from_s = -3600, long valid_to_s = 90L * 24 * 3600) const {
        const evp_pkey_ptr key{of == kind::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")};
        const x509_ptr made{X509_new()};
        X509_set_version(made.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(made.get()), valid_from_s);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), valid_to_s);
        X509_set_pubkey(made.get(), key.get());
        X509_NAME* const subject = X509_get_subject_name(made.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(made.get(), subject);
        X509_EXTENSION* const names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternatives.c_str());
        X509_add_ext(made.get(), names, -1);
        X509_EXTENSION_free(names);
        X509_sign(made.get(), key.get(), EVP_sha256());
        write(name + ".pem", [&](BIO* to) { PEM_write_bio_X509(to, made.get()); });
        write(name + ".key", [&](BIO* to) {
            PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
    }
    [[nodiscard]] std::string path(const std::string& file) const { return folder + "/" + file; }

    template <class Write>
    void write(const std::string& file, Write&& content) const {
        const bio_ptr to{BIO_new_file(path(file).c_str(), "w")};
        content(to.get());
        ::chmod(path(file).c_str(), 0600);
    }
    void write_text(const std::string& file, const std::string& text) const {
        write(file, [&](BIO* to) { BIO_write(to, text.data(), static_cast<int>(text.size())); });
    }

    std::string folder;
};

} // namespace postern::edge::testing
