// Whom an edge node takes for its CSS: certificates, pins and addresses, against the real listener.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "edgesync/sdk/error.h"
#include "kernel/security/server_certificate.h"
#include "tests/unit/transport_http/css_fixture.h"

namespace edgesync::transport_http::test {
namespace {

const security::ServerCertificate& server_pair() {
    static const auto pair = security::make_self_signed(std::chrono::hours(24));
    return pair;
}

std::string fingerprint_of(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), X509_free);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    X509_digest(certificate.get(), EVP_sha256(), digest, &size);
    std::string hex;
    char digits[4];
    for (unsigned int i = 0; i < size; ++i) {
        std::snprintf(digits, sizeof digits, "%s%02X", i > 0 ? ":" : "", digest[i]);
        hex += digits;
    }
    return hex;
}

http::ListenerOptions tls_listener() {
    auto options = http::test::loopback();
    options.is_tls = true;
    options.certificate = server_pair().certificate;
    options.key = server_pair().key;
    return options;
}

class TrustTest : public testing::Test {
protected:
    /// Why a ping to the CSS failed; empty: it did not.
    std::string ping(std::map<std::string, std::string> more) {
        const FixedSettings settings = edge_settings(css_.listener.port(), std::move(more));
        RecordingHost host{NodeRole::Ess, settings};
        HttpTransport transport;
        transport.configure(settings, host.log());
        transport.start(host);
        std::string problem;
        try {
            Message message;
            message.command = Command::Ping;
            transport.send({"acme", "Cloud", "Cloud"}, message);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::NotConnected);
            problem = error.what();
        }
        transport.drain();
        transport.stop();
        return problem;
    }

    CssNode css_{tls_listener()};
    const std::string own_ = fingerprint_of(server_pair().certificate);
    const std::string foreign_ = fingerprint_of(security::make_self_signed(std::chrono::hours(24)).certificate);
    const std::map<std::string, std::string> tls_{{"HTTPCSSUseSSL", "true"}, {"HTTPCSSCACertificate", server_pair().certificate}};
    std::map<std::string, std::string> with_pins(const std::string& pins) const {
        auto settings = tls_;
        settings["HTTPCSSPinnedCertFingerprints"] = pins;
        return settings;
    }
};

TEST_F(TrustTest, ACssWithAPinnedCertificateIsTalkedTo) {
    EXPECT_EQ(ping(tls_), "");
    EXPECT_EQ(ping(with_pins(own_)), "");
    EXPECT_EQ(ping(with_pins(foreign_ + "," + own_)), "");
}

TEST_F(TrustTest, ACssWithoutAPinnedCertificateIsNotTalkedTo) {
    EXPECT_NE(ping(with_pins(foreign_)).find("certificate does not match any pinned fingerprints"), std::string::npos)
        << ping(with_pins(foreign_));
    EXPECT_TRUE(css_.host.handled().empty());
}

TEST_F(TrustTest, APinDoesNotReplaceValidation) {
    auto settings = with_pins(own_);
    settings["HTTPCSSCACertificate"] = security::make_self_signed(std::chrono::hours(24)).certificate;
    EXPECT_NE(ping(settings).find("certificate verify failed"), std::string::npos) << ping(settings);
}

TEST_F(TrustTest, PinsThatCannotWorkStopTheStart) {
    for (auto settings : {with_pins("abc"), std::map<std::string, std::string>{{"HTTPCSSPinnedCertFingerprints", own_}}}) {
        const FixedSettings fixed = edge_settings(1, settings);
        RecordingHost host{NodeRole::Ess, fixed};
        HttpTransport transport;
        EXPECT_THROW(transport.configure(fixed, host.log()), Error);
    }
}

TEST_F(TrustTest, APrivateAddressIsNotConnectedToIfThatIsForbidden) {
    for (const char* host : {"127.0.0.1", "localhost"}) {
        auto settings = tls_;
        settings["AllowPrivateIPs"] = "false";
        settings["HTTPCSSHost"] = host;
        const std::string problem = ping(settings);
        EXPECT_NE(problem.find("private address"), std::string::npos) << host << ": " << problem;
    }
    EXPECT_TRUE(css_.host.handled().empty());
}

}  // namespace
}  // namespace edgesync::transport_http::test
