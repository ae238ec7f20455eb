// How a CSS connects to a database over TLS, and which server it refuses. Runs inside tests/with-postgres --tls.
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

/// SHA-256 of the DER form of a certificate in a PEM file.
std::string fingerprint_of(const std::string& file) {
    std::ifstream in(file);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), X509_free);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1)
        throw std::runtime_error("no certificate in " + file);
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
        char digits[4];
        std::snprintf(digits, sizeof digits, "%s%02X", i == 0 ? "" : ":", digest[i]);
        out += digits;
    }
    return out;
}

class PostgresTls : public ::testing::Test {
protected:
    void SetUp() override {
        const char* certificates = std::getenv("EDGESYNC_TEST_POSTGRES_TLS");
        if (!certificates) GTEST_SKIP() << "not inside tests/with-postgres --tls";
        certificates_ = std::string(certificates) + "/";
        const std::string server = std::getenv("EDGESYNC_TEST_POSTGRES");
        port_ = server.substr(server.rfind(':'));
    }
    /// A CSS that connects to `host` and checks the server by `ca`; `lines` replace what it has by default.
    std::unique_ptr<Node> css(std::vector<std::string> lines, const std::string& host = "127.0.0.1", const std::string& ca = "ca.pem") {
        const bool has_mode = std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("PostgresUseSSL "); });
        if (!has_mode) lines.emplace_back("PostgresUseSSL true");
        lines.insert(lines.end(), {"PostgresAddressCsv " + host + port_, "PostgresCACertificate " + certificates_ + ca});
        const std::string name = "css" + std::to_string(count_++);
        const std::string schema = "tls" + std::to_string(std::hash<std::string>()(folder_.path().string())) + name;
        return std::make_unique<Node>(folder_.path(), name, database_lines(schema, lines));
    }
    static void expect_start(const std::unique_ptr<Node>& node) {
        node->launch();
        EXPECT_TRUE(eventually([&] { return node->is_healthy(); })) << node->output();
    }
    static void expect_refusal(const std::unique_ptr<Node>& node, const std::string& said) {
        node->launch();
        EXPECT_GT(node->wait_for_end(), 0) << node->output();
        EXPECT_NE(node->output().find(said), std::string::npos) << said << "\n" << node->output();
        EXPECT_EQ(node->output().find("correct horse"), std::string::npos) << "the password is never shown";
        EXPECT_EQ(node->output().find("trying again"), std::string::npos) << "it stops at once";
    }
    std::vector<std::string> with_client_certificate() const {
        return {"PostgresUsername certified", "PostgresSSLCert " + certificates_ + "client.pem",
                "PostgresSSLKey " + certificates_ + "client-key.pem"};
    }
    /// Blanks in a value of the configuration are removed, so the password is in a file.
    std::vector<std::string> with_password(const std::string& password) const {
        const std::string file = (folder_.path() / "password").string();
        std::ofstream(file) << password << "\n";
        return {"PostgresUsername scrammed", "PostgresPasswordFile " + file};
    }

    const TemporaryFolder folder_;
    std::string certificates_;
    std::string port_;
    int count_ = 0;
};

std::vector<std::string> operator+(std::vector<std::string> lines, const std::string& line) {
    lines.push_back(line);
    return lines;
}

TEST_F(PostgresTls, TheServersCertificateMustComeFromTheCa) {
    expect_start(css({}));
    expect_start(css({}, "localhost"));
    expect_refusal(css({}, "127.0.0.1", "other-ca.pem"), "certificate verify failed");
    expect_refusal(css({}, "127.0.0.1", "missing.pem"), "missing.pem");
}

TEST_F(PostgresTls, TheServersCertificateMustBeForItsHost) {
    expect_refusal(css({}, "127.0.0.2"), "does not match host name \"127.0.0.2\"");
}

TEST_F(PostgresTls, ACaMayBeGivenAsText) {
    std::ifstream in(certificates_ + "ca.pem");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    auto node = css({}, "127.0.0.1", "missing.pem");
    // A value of the file has one line; that of the environment has any.
    ::setenv("POSTGRES_CA_CERTIFICATE", text.c_str(), 1);
    expect_start(node);
    ::unsetenv("POSTGRES_CA_CERTIFICATE");
}

TEST_F(PostgresTls, AClientCertificateIsShown) {
    expect_start(css(with_client_certificate()));
    expect_refusal(css({"PostgresUsername certified"}), "requires a valid client certificate");
}

TEST_F(PostgresTls, APasswordIsProven) {
    expect_start(css(with_password("correct horse")));
    expect_refusal(css(with_password("wrong")), "password authentication failed for user \"scrammed\"");
    expect_refusal(css({"PostgresUsername scrammed", "PostgresPassword wrong"}), "password authentication failed for user \"scrammed\"");
    expect_refusal(css({"PostgresUsername scrammed"}), "no password supplied");
}

TEST_F(PostgresTls, APinnedCertificateMustBeShown) {
    const std::string pins = "PostgresPinnedCertFingerprints ";
    const std::string server = fingerprint_of(certificates_ + "server.pem");
    const std::string issuer = fingerprint_of(certificates_ + "ca.pem");
    const std::string other = fingerprint_of(certificates_ + "other-ca.pem");
    expect_start(css({pins + server}));
    expect_start(css({pins + other + "," + issuer}));
    expect_start(css(with_password("correct horse") + (pins + server)));
    const std::string said = "its certificate does not match any pinned fingerprints (PostgresPinnedCertFingerprints)";
    expect_refusal(css({pins + other}), said);
    expect_refusal(css(with_password("correct horse") + (pins + other)), said);
    expect_refusal(css({pins + server}, "127.0.0.1", "other-ca.pem"), "certificate verify failed");
    expect_refusal(css({pins + server, "PostgresUseSSL false"}), "PostgresPinnedCertFingerprints needs PostgresUseSSL true");
    expect_refusal(css({pins + "00"}), "'00' is not a SHA-256 fingerprint");
}

// With a complete connection string of the operator's own the pins hold as well.
TEST_F(PostgresTls, APinnedCertificateMustBeShownToAConnectionString) {
    const std::string connection = "PostgresConnection postgresql://postgres@127.0.0.1" + port_ + "/postgres?sslmode=";
    const std::string pin = "PostgresPinnedCertFingerprints " + fingerprint_of(certificates_ + "server.pem");
    expect_start(css({connection + "require", pin}));
    expect_refusal(css({connection + "require", "PostgresPinnedCertFingerprints " + fingerprint_of(certificates_ + "other-ca.pem")}),
                   "does not match any pinned fingerprints");
    const std::string socket = "PostgresConnection postgresql:///postgres?user=postgres&host=" +
                               std::filesystem::path(certificates_).parent_path().parent_path().string() + "&port=" + port_.substr(1);
    expect_refusal(css({socket, pin}), "PostgresPinnedCertFingerprints needs TLS");
}

TEST_F(PostgresTls, AnUncheckedServerIsRefusedOnACss) {
    expect_refusal(css({"PostgresAllowInvalidCertificates true"}), "PostgresAllowInvalidCertificates is not allowed on a CSS");
}

}  // namespace
}  // namespace edgesync::system_test
