#include "edge/tls/certificate.hpp"
#include "tests/unit/tls/pem_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace postern::edge {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::pem_files;

struct certificate_test : ::testing::Test {
    pem_files files;

    [[nodiscard]] certificate_files pair(const std::string& chain, const std::string& key) const {
        return {files.path(chain), files.path(key), "p.conf:7"};
    }
    [[nodiscard]] std::string fault_of(const std::string& chain, const std::string& key) const {
        const auto loaded = load_certificate(pair(chain, key));
        return loaded ? "none" : loaded.error().text();
    }
    [[nodiscard]] std::string text_of(const std::string& file) const {
        std::ifstream in{files.path(file)};
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    [[nodiscard]] std::vector<std::string> doubts(const std::string& name,
                                                  server_settings server = {}) const {
        const auto loaded = load_certificate(pair(name + ".pem", name + ".key"));
        EXPECT_TRUE(loaded);
        return doubts_about(*loaded, pair(name + ".pem", name + ".key"), server,
                            std::time(nullptr));
    }
    static server_settings server_named(const std::string& before, bool capture,
                                        const std::string& behind) {
        capture_pattern name;
        name.text = before + (capture ? "{x}" : "") + behind;
        if (!before.empty())
            name.pieces.push_back({before, false});
        if (capture)
            name.pieces.push_back({"x", true});
        name.pieces.push_back({behind, false});
        server_settings server;
        server.names.push_back(name);
        return server;
    }
};

TEST_F(certificate_test, a_chain_is_read_in_order) {
    files.make("leaf", "DNS:a.test");
    files.make("above", "DNS:ca.test", pem_files::kind::rsa);
    files.write_text("chain.pem", "a comment\n" + text_of("leaf.pem") + text_of("above.pem"));
    const auto loaded = load_certificate(pair("chain.pem", "leaf.key"));
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->chain.size(), 1U);
    EXPECT_STREQ(kind_of(*loaded), "ECDSA");
}

TEST_F(certificate_test, faults_name_line_and_file) {
    files.make("a", "DNS:a.test");
    files.make("b", "DNS:b.test");
    files.write_text("empty.pem", "");
    files.write_text("words.pem", "not a certificate\n");
    const std::string good = text_of("a.pem");
    files.write_text("broken.pem", good + "-----BEGIN CERTIFICATE-----\nAAAA\n");
    files.write_text("cut.pem", good.substr(0, good.size() / 2));
    files.write("sealed.key", [&](BIO* to) {
        const evp_pkey_ptr key{EVP_EC_gen("P-256")};
        char password[] = "secret";
        PEM_write_bio_PKCS8PrivateKey(to, key.get(), EVP_aes_128_cbc(), password, 6, nullptr,
                                      nullptr);
    });
    const struct {
        const char *chain, *key, *fault;
    } cases[] = {
        {"none.pem", "a.key", "none.pem cannot be read: No such file or directory"},
        {"a.pem", "none.key", "none.key cannot be read: No such file or directory"},
        {"empty.pem", "a.key", "empty.pem holds no certificate in PEM form"},
        {"words.pem", "a.key", "words.pem holds no certificate in PEM form"},
        {"cut.pem", "a.key", "cut.pem holds no certificate in PEM form"},
        {"broken.pem", "a.key", "broken.pem: certificate 2 in it is broken"},
        {"a.key", "a.key", "a.key holds no certificate in PEM form"},
        {"a.pem", "a.pem", "a.pem holds no private key in PEM form"},
        {"a.pem", "sealed.key", "sealed.key is encrypted"},
        {"a.pem", "b.key", "b.key is not the private key of the first certificate in"},
    };
    for (const auto& c : cases) {
        const std::string fault = fault_of(c.chain, c.key);
        EXPECT_THAT(fault, HasSubstr(c.fault));
        EXPECT_THAT(fault, HasSubstr("p.conf:7: directive \"ssl_certificate\": "));
    }
    EXPECT_EQ(fault_of("a.pem", "a.key"), "none");
}

TEST_F(certificate_test, doubts) {
    constexpr long day = 24 * 3600;
    files.make("good", "DNS:a.test,DNS:*.b.test");
    files.make("over", "DNS:a.test", pem_files::kind::ecdsa, -9 * day, -2 * day);
    files.make("soon", "DNS:a.test", pem_files::kind::ecdsa, -9 * day, 2 * day);
    files.make("early", "DNS:a.test", pem_files::kind::ecdsa, 2 * day, 90 * day);
    EXPECT_THAT(doubts("good"), IsEmpty());
    EXPECT_THAT(doubts("over"), Contains(HasSubstr("over.pem has expired")));
    EXPECT_THAT(doubts("soon"), Contains(HasSubstr("soon.pem expires in less than 14 days")));
    EXPECT_THAT(doubts("early"), Contains(HasSubstr("early.pem is not valid before")));
    EXPECT_EQ(doubts("early").size(), 1U);

    EXPECT_THAT(doubts("good", server_named("", false, "a.test")), IsEmpty());
    EXPECT_THAT(doubts("good", server_named("", true, ".b.test")), IsEmpty());
    EXPECT_THAT(doubts("good", server_named("", false, "c.test")),
                Contains(HasSubstr("is not for server_name c.test")));
    EXPECT_THAT(doubts("good", server_named("", true, ".c.test")),
                Contains(HasSubstr("is not for server_name {x}.c.test")));
    // What x may be is not known: nothing is said.
    EXPECT_THAT(doubts("good", server_named("edit.", true, ".test")), IsEmpty());

    ::chmod(files.path("good.key").c_str(), 0644);
    EXPECT_THAT(doubts("good"), Contains(HasSubstr("everyone can read the private key")));
}

} // namespace
} // namespace postern::edge
