#include "kernel/node/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <fstream>

#include "kernel/security/server_certificate.h"
#include "tests/unit/http/test_client.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::node {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Time passes when the test says so; work is done at once.
class TestScheduler : public rules::Scheduler {
public:
    void post(std::function<void()> function) override { function(); }
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> function) override {
        delays.push_back(delay);
        next = std::move(function);
        return delays.size();
    }
    void cancel(std::uint64_t) override {}
    bool work(std::function<void()> function) override {
        if (is_full) return false;
        function();
        return true;
    }
    /// Lets the time pass for which was asked last.
    void pass() { std::exchange(next, nullptr)(); }

    bool is_full = false;
    std::vector<std::chrono::milliseconds> delays;
    std::function<void()> next;
};

/// PEM text of what the server shows.
std::string shown_by(std::uint16_t port) {
    const http::test::Client client(port);
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, client.fd());
    std::string text;
    if (SSL_connect(ssl) == 1) {
        X509* certificate = SSL_get1_peer_certificate(ssl);
        BIO* bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(bio, certificate);
        char* octets = nullptr;
        const long size = BIO_get_mem_data(bio, &octets);
        text.assign(octets, static_cast<std::size_t>(size));
        BIO_free(bio);
        X509_free(certificate);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return text;
}

class ListenersTest : public ::testing::Test {
protected:
    ListenersTest() {
        settings_.root = folder_.root();
        settings_.node_role = NodeRole::Ess;
        settings_.values = {{"ListeningType", "secure"},
                            {"ListeningAddress", "127.0.0.1"},
                            {"MaxConnections", "10"},
                            {"HTTPServerReadHeaderTimeout", "10"}};
        io_.start();
    }
    ~ListenersTest() override {
        listeners_.clear();
        io_.stop();
    }
    void start(std::function<bool(const HttpRequest&)> may_block = {}) {
        listeners_ = make_listeners(settings_, std::move(may_block), router_, io_, workers_, log_);
        for (auto& listener : listeners_) listener->start();
    }
    std::string stored(const std::string& name) const {
        std::ifstream file(folder_.path() / "sync/certs" / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void store(const security::ServerCertificate& pair) const {
        std::ofstream(folder_.path() / "sync/certs/cert.pem") << pair.certificate;
        std::ofstream(folder_.path() / "sync/certs/key.pem") << pair.key;
    }

    TemporaryFolder folder_;
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
    http::Router router_;
    http::IoContext io_{1};
    ops::WorkerPool workers_;
    TestScheduler scheduler_;
    std::vector<std::unique_ptr<http::Listener>> listeners_;
};

TEST(Listeners, GiveWorkersWhatMayBlock) {
    const auto asks = [](bool reads_block, const std::string& path) {
        HttpRequest request;
        request.path = path;
        return blocking_requests(reads_block, [](const HttpRequest& one) { return one.path == "/hashed"; })(request);
    };
    for (const char* path : {"/api/v1/health", "/readyz", "/hashed"}) EXPECT_TRUE(asks(false, path)) << path;
    for (const char* path : {"/api/v1/objects", "/livez"}) EXPECT_FALSE(asks(false, path)) << path;
    for (const char* path : {"/api/v1/health", "/readyz", "/hashed", "/api/v1/objects"}) EXPECT_TRUE(asks(true, path)) << path;
    EXPECT_FALSE(asks(true, "/livez")) << "the process lives also while all workers wait for the database";
}

TEST_F(ListenersTest, RenewTheirOwnCertificateBeforeItsEndOnceADay) {
    start();
    reload_certificates_daily(scheduler_, settings_, listeners_, log_);
    const std::string first = stored("cert.pem");
    EXPECT_EQ(shown_by(listeners_[0]->port()), first);
    scheduler_.pass();
    EXPECT_EQ(shown_by(listeners_[0]->port()), first) << "it is good for 500 days";

    const auto about_to_end = security::make_self_signed(hours(24 * 29));
    store(about_to_end);
    scheduler_.is_full = true;
    scheduler_.pass();
    EXPECT_EQ(stored("cert.pem"), about_to_end.certificate) << "nobody was free to do it";
    scheduler_.is_full = false;
    scheduler_.pass();
    const std::string renewed = stored("cert.pem");
    EXPECT_NE(renewed, about_to_end.certificate);
    EXPECT_EQ(stored("cert.pem.old"), about_to_end.certificate);
    EXPECT_EQ(shown_by(listeners_[0]->port()), renewed);
    EXPECT_THAT(scheduler_.delays, ::testing::AllOf(SizeIs(4), ::testing::Each(hours(24))));
}

TEST_F(ListenersTest, KeepTheirCertificateWhenItsRenewalFails) {
    start();
    reload_certificates_daily(scheduler_, settings_, listeners_, log_);
    const std::string first = stored("cert.pem");
    std::filesystem::remove_all(folder_.path() / "sync/certs");
    std::ofstream(folder_.path() / "sync/certs") << "not a folder";
    scheduler_.pass();
    EXPECT_THAT(log_.lines.back(), HasSubstr("the certificate that was read before stays"));
    EXPECT_EQ(shown_by(listeners_[0]->port()), first);
    EXPECT_TRUE(scheduler_.next) << "it is tried again tomorrow";
}

}  // namespace
}  // namespace edgesync::node
