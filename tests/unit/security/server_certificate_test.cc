#include "kernel/security/server_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::security {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

std::string read_file(const std::string& name) {
    std::ifstream file(name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

CertificatePtr parse(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    CertificatePtr certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
    BIO_free(bio);
    return certificate;
}

/// The same certificate as somebody else would have made it.
ServerCertificate with_other_names(const ServerCertificate& pair) {
    const auto certificate = parse(pair.certificate);
    BIO* key_bio = BIO_new_mem_buf(pair.key.data(), static_cast<int>(pair.key.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    BIO_free(key_bio);
    X509_NAME* name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("edge.example.org"), -1, -1, 0);
    X509_set_subject_name(certificate.get(), name);
    X509_set_issuer_name(certificate.get(), name);
    X509_NAME_free(name);
    X509_sign(certificate.get(), key, EVP_sha256());
    EVP_PKEY_free(key);
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate.get());
    char* octets = nullptr;
    const long size = BIO_get_mem_data(bio, &octets);
    ServerCertificate result{std::string(octets, static_cast<std::size_t>(size)), pair.key};
    BIO_free(bio);
    return result;
}

/// As `openssl x509 -text` shows it.
std::string described(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    X509_print(bio, certificate);
    char* octets = nullptr;
    const long size = BIO_get_mem_data(bio, &octets);
    std::string text(octets, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777U;
}

class ServerCertificateTest : public ::testing::Test {
protected:
    ServerCertificateTest() {
        settings_.root = folder_.root();
        settings_.node_role = NodeRole::Ess;
    }
    ServerCertificate get() { return server_certificate(settings_, log_); }
    void put(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((folder_.path() / name).parent_path());
        std::ofstream(folder_.path() / name) << text;
    }

    TemporaryFolder folder_;
    const std::string certificate_ = folder_.root() + "sync/certs/cert.pem";
    const std::string key_ = folder_.root() + "sync/certs/key.pem";
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
};

TEST_F(ServerCertificateTest, OfAnEdgeNodeIsMadeAsItsClientsExpect) {
    EXPECT_EQ(get(), (ServerCertificate{certificate_, key_}));
    EXPECT_EQ(pair_problem(get()), "");
    EXPECT_TRUE(read_file(key_).starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    EXPECT_EQ(mode_of(key_), 0600U);
    EXPECT_EQ(mode_of(folder_.root() + "sync/certs"), 0750U);
    const auto certificate = parse(read_file(certificate_));
    ASSERT_NE(certificate, nullptr);
    const std::string text = described(certificate.get());
    for (const char* part :
         {"Version: 3", "Signature Algorithm: sha256WithRSAEncryption", "Public-Key: (2048 bit)",
          "Subject: O=SomeOrg, OU=Edge Node, CN=localhost", "Issuer: O=SomeOrg, OU=Edge Node, CN=localhost",
          "X509v3 Basic Constraints: critical", "CA:TRUE", "Digital Signature, Key Encipherment, Certificate Sign",
          "TLS Web Server Authentication", "DNS:edge-sync-service, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
    int days = 0;
    int seconds = 0;
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate.get()), X509_get0_notAfter(certificate.get()));
    EXPECT_EQ(days, 500);
    EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
}

TEST_F(ServerCertificateTest, StaysAsLongAsItIsGood) {
    get();
    const std::string before = read_file(certificate_);
    get();
    EXPECT_EQ(read_file(certificate_), before);
    EXPECT_FALSE(std::filesystem::exists(certificate_ + ".old"));
}

TEST_F(ServerCertificateTest, IsReplacedBeforeItsEndAndWhenItCannotBeUsed) {
    const auto soon = make_self_signed(std::chrono::hours(24 * 29));
    const auto other = make_self_signed(std::chrono::hours(24 * 100));
    struct Case {
        std::string certificate, key, reason;
    };
    for (const auto& part : std::vector<Case>{{soon.certificate, soon.key, "about to end"},
                                              {"garbage", soon.key, "the certificate cannot be read"},
                                              {other.certificate, "", "the key cannot be read"},
                                              {other.certificate, soon.key, "the key does not belong to the certificate"}}) {
        put("sync/certs/cert.pem", part.certificate);
        put("sync/certs/key.pem", part.key);
        EXPECT_EQ(pair_problem(get()), "") << part.reason;
        EXPECT_THAT(log_.lines, Contains(HasSubstr(part.reason)));
        EXPECT_EQ(read_file(certificate_ + ".old"), part.certificate);
        EXPECT_EQ(read_file(key_ + ".old"), part.key);
    }
    put("sync/certs/cert.pem", other.certificate);
    put("sync/certs/key.pem", other.key);
    get();
    EXPECT_EQ(read_file(certificate_), other.certificate) << "100 days are enough";
}

TEST_F(ServerCertificateTest, IsTheSuppliedOneWhetherTextOrFile) {
    const auto supplied = make_self_signed(std::chrono::hours(24 * 100));
    settings_.values = {{"ServerCertificate", supplied.certificate}, {"ServerKey", supplied.key}};
    EXPECT_EQ(get(), supplied);
    put("mine/cert.pem", supplied.certificate);
    put("mine/key.pem", supplied.key);
    settings_.values = {{"ServerCertificate", "mine/cert.pem"}, {"ServerKey", folder_.root() + "mine/key.pem"}};
    EXPECT_EQ(get(), (ServerCertificate{folder_.root() + "mine/cert.pem", folder_.root() + "mine/key.pem"}));
    EXPECT_THAT(log_.lines, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(certificate_));
}

TEST_F(ServerCertificateTest, ThatIsSuppliedIsNeverReplaced) {
    const auto soon = make_self_signed(std::chrono::hours(24 * 3 + 1));
    settings_.values = {{"ServerCertificate", soon.certificate}, {"ServerKey", soon.key}};
    EXPECT_EQ(get(), soon);
    EXPECT_THAT(log_.lines, Contains("ServerCertificate ends in 3 days"));
}

TEST_F(ServerCertificateTest, ThatSomebodyPutInThePlaceOfTheOwnOneIsNeverReplaced) {
    const auto soon = make_self_signed(std::chrono::hours(24 * 3 + 1));
    const auto renamed = with_other_names(soon);
    put("sync/certs/cert.pem", renamed.certificate);
    put("sync/certs/key.pem", renamed.key);
    EXPECT_EQ(get(), (ServerCertificate{certificate_, key_}));
    EXPECT_EQ(read_file(certificate_), renamed.certificate);
    EXPECT_THAT(log_.lines, Contains(certificate_ + " ends in 3 days"));
}

TEST_F(ServerCertificateTest, ThatSomebodyIsAboutToPutInThePlaceOfTheOwnOneIsNotTakenForBroken) {
    get();
    const auto theirs = with_other_names(make_self_signed(std::chrono::hours(24 * 300)));
    put("sync/certs/cert.pem", theirs.certificate);  // The key comes in a moment.
    get();
    EXPECT_EQ(read_file(certificate_), theirs.certificate);
}

TEST_F(ServerCertificateTest, ThatCannotBeUsedGivesWayToAnOwnOneOnAnEdgeNode) {
    settings_.values = {{"ServerCertificate", "absent.pem"}, {"ServerKey", "absent.key"}};
    EXPECT_EQ(get(), (ServerCertificate{certificate_, key_}));
    EXPECT_THAT(log_.lines, Contains(HasSubstr("ServerCertificate cannot be used, a self-signed certificate takes its place")));
}

TEST_F(ServerCertificateTest, MustBeSetOnACss) {
    settings_.node_role = NodeRole::Css;
    EXPECT_THROW(get(), Error);
}

TEST_F(ServerCertificateTest, AFolderThatCannotBeMadeStopsTheStart) {
    put("sync/certs", "a file");
    EXPECT_THROW(get(), Error);
}

}  // namespace
}  // namespace edgesync::security
