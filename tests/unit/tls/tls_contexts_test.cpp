#include "edge/settings/settings_loader.hpp"
#include "edge/tls/tls_contexts.hpp"
#include "tests/unit/tls/pem_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using ::testing::HasSubstr;
using testing::pem_files;

struct tls_contexts_test : ::testing::Test {
    pem_files files;
    ticket_keys keys = ticket_keys::make().value();
    settings conf;

    void parse(const std::string& servers) {
        auto parsed =
            parse_settings("session_table t; store sqlite s; control { token_file k; }" + servers,
                           files.path("p.conf"));
        ASSERT_TRUE(parsed) << parsed.error().text();
        conf = std::move(*parsed);
    }
    [[nodiscard]] auto load() const { return tls_contexts::load(conf, &keys, std::time(nullptr)); }
    [[nodiscard]] std::string fault() const {
        const auto loaded = load();
        return loaded ? "none" : loaded.error().text();
    }
};

TEST_F(tls_contexts_test, servers_with_the_same_certificate_and_ways_have_one_policy) {
    files.make("a", "DNS:a.test");
    files.make("b", "DNS:b.test");
    std::filesystem::copy(files.path("a.pem"), files.path("copy.pem"));
    parse("server { listen 1443 ssl; server_name a.test; ssl_certificate a.pem a.key; }"
          "server { listen 1443 ssl; server_name c.test; ssl_certificate copy.pem a.key; }"
          "server { listen 1443 ssl; server_name b.test; ssl_certificate b.pem b.key; }"
          "server { listen 1443 ssl; server_name d.test; ssl_certificate a.pem a.key;"
          "         ssl_protocols TLSv1.3; }"
          "server { listen 1443 ssl; server_name e.test; ssl_certificate a.pem a.key;"
          "         ssl_session_tickets off; }"
          "server { listen 1080; ssl_certificate none.pem none.key; }");
    const auto made = load();
    ASSERT_TRUE(made) << made.error().text();
    const auto of = [&](std::size_t i) { return (*made)->of(conf.servers[i]); };
    EXPECT_TRUE((*made)->any());
    ASSERT_NE(of(0), nullptr);
    EXPECT_EQ(of(0), of(1));
    EXPECT_NE(of(0), of(2));
    EXPECT_NE(of(0), of(3));
    EXPECT_NE(of(0), of(4));
    EXPECT_EQ(of(5), nullptr); // nothing is read for it, either
    (*made)->forget();
    EXPECT_FALSE((*made)->any());
}

TEST_F(tls_contexts_test, without_ssl_there_is_nothing) {
    parse("server { listen 1080; }");
    EXPECT_FALSE((*load())->any());
}

TEST_F(tls_contexts_test, certificates_of_a_server_are_of_different_kinds) {
    files.make("a", "DNS:a.test");
    files.make("b", "DNS:a.test");
    files.make("r", "DNS:a.test", pem_files::kind::rsa);
    parse("server { listen 1443 ssl; ssl_certificate a.pem a.key; ssl_certificate r.pem r.key; }");
    EXPECT_EQ(fault(), "none");
    parse(
        "server {\nlisten 1443 ssl; ssl_certificate a.pem a.key;\nssl_certificate b.pem b.key; }");
    EXPECT_THAT(fault(), HasSubstr("p.conf:3: directive \"ssl_certificate\": "));
    EXPECT_THAT(fault(), HasSubstr("are both ECDSA"));
}

TEST_F(tls_contexts_test, unknown_ciphers_are_refused) {
    files.make("a", "DNS:a.test");
    parse("\nssl_ciphers NO-SUCH:CIPHER; server { listen 1443 ssl; ssl_certificate a.pem a.key; }");
    EXPECT_THAT(fault(), HasSubstr("p.conf:2: directive \"ssl_ciphers\": "));
    EXPECT_THAT(fault(), HasSubstr("NO-SUCH:CIPHER"));
}

TEST_F(tls_contexts_test, a_key_too_weak_is_refused) {
    files.write("weak.key", [](BIO* to) {
        const evp_pkey_ptr key{EVP_RSA_gen(1024)};
        PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    files.write("weak.pem", [&](BIO* to) {
        const bio_ptr from{BIO_new_file(files.path("weak.key").c_str(), "r")};
        const evp_pkey_ptr key{PEM_read_bio_PrivateKey(from.get(), nullptr, nullptr, nullptr)};
        const x509_ptr made{X509_new()};
        X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), 90L * 24 * 3600);
        X509_set_pubkey(made.get(), key.get());
        X509_sign(made.get(), key.get(), EVP_sha256());
        PEM_write_bio_X509(to, made.get());
    });
    parse("server { listen 1443 ssl; ssl_certificate weak.pem weak.key; }");
    EXPECT_THAT(fault(), HasSubstr("key too small"));
}

} // namespace
} // namespace postern::edge
