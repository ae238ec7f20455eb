#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>

#include <thread>

#include "edgesync/sdk/error.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

struct Pair {
    std::string certificate;
    std::string key;
};

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
    std::string text(data, size);
    BIO_free(bio);
    return text;
}

Pair make_pair(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    BIO* certificate_text = BIO_new(BIO_s_mem());
    BIO* key_text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificate_text, certificate);
    PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {text_of(certificate_text), text_of(key_text)};
}

/// Blocking TLS over a test client's socket.
class TlsClient {
public:
    explicit TlsClient(std::uint16_t port, SSL_SESSION* session = nullptr, int max_version = TLS1_3_VERSION)
        : client_(port), context_(SSL_CTX_new(TLS_client_method())) {
        // What is written after the server has cut the connection raises it; the library has no flag against that.
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        SSL_CTX_set_max_proto_version(context_, max_version);
        SSL_CTX_set_security_level(context_, 0);
        SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, client_.fd());
        if (session) SSL_set_session(ssl_, session);
        is_connected_ = SSL_connect(ssl_) == 1;
    }
    ~TlsClient() {
        if (is_connected_) SSL_shutdown(ssl_);  // A session without a farewell is not resumed.
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    bool is_connected() const { return is_connected_; }
    SSL* ssl() { return ssl_; }
    void send(const std::string& octets) {
        for (std::size_t sent = 0; sent < octets.size();) {
            const int count = SSL_write(ssl_, octets.data() + sent, static_cast<int>(std::min<std::size_t>(octets.size() - sent, 60000)));
            if (count <= 0) return;
            sent += static_cast<std::size_t>(count);
        }
    }
    /// Reads until `size` octets follow the head.
    std::string receive_body(std::size_t size) {
        std::string input;
        char buffer[65536];
        for (;;) {
            const std::size_t end = input.find("\r\n\r\n");
            if (end != std::string::npos && input.size() >= end + 4 + size) return input.substr(end + 4);
            const int count = SSL_read(ssl_, buffer, sizeof buffer);
            if (count <= 0) return "broken: " + input;
            input.append(buffer, static_cast<std::size_t>(count));
        }
    }
    std::string subject() {
        X509* certificate = SSL_get1_peer_certificate(ssl_);
        char name[100] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
        X509_free(certificate);
        return name;
    }

private:
    Client client_;
    SSL_CTX* context_;
    SSL* ssl_;
    bool is_connected_ = false;
};

ListenerOptions tls_options() {
    const Pair pair = make_pair("first");
    ListenerOptions options;
    options.is_tls = true;
    options.certificate = pair.certificate;
    options.key = pair.key;
    return options;
}

TEST(Tls, CarriesRequestsBodiesAndAnswers) {
    Server server(tls_options());
    bool is_secure = false;
    const std::string octets = pattern(2000000);
    server.handler.limit = 10000000;
    server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        is_secure = request.is_secure;
        HttpResponse response;
        if (request.path == "/blob") {
            response.blob = std::make_unique<TestBlob>(octets, true);
            response.blob_length = static_cast<std::int64_t>(octets.size());
        } else {
            response.body = request.body;
        }
        responder->send(std::move(response));
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(server.port(), nullptr, version);
        ASSERT_TRUE(client.is_connected());
        EXPECT_EQ(SSL_version(client.ssl()), version);
        client.send(put("/a", "hello"));
        EXPECT_EQ(client.receive_body(5), "hello");
        std::thread sending([&] { client.send(put("/a", octets)); });
        sending.join();
        EXPECT_EQ(client.receive_body(octets.size()) == octets, true);
        client.send(get("/blob"));
        EXPECT_EQ(client.receive_body(octets.size()) == octets, true);
    }
    EXPECT_TRUE(is_secure);
}

TEST(Tls, OlderThan12IsRefused) {
    Server server(tls_options());
    EXPECT_FALSE(TlsClient(server.port(), nullptr, TLS1_1_VERSION).is_connected());
}

TEST(Tls, AClientThatDoesNotSpeakItIsCutOff) {
    Server server(tls_options());
    Client client(server.port());
    client.send(get("/"));
    EXPECT_EQ(client.receive().status, 0);
}

TEST(Tls, AHandshakeThatDoesNotComeIsNotWaitedFor) {
    ListenerOptions options = tls_options();
    options.header_timeout = 1s;
    Server server(options);
    const auto begin = std::chrono::steady_clock::now();
    Client silent(server.port());
    Client half(server.port());
    half.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
    EXPECT_TRUE(silent.is_closed());
    EXPECT_TRUE(half.is_closed());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 9s) << "without the option it would be 10 s";
    // Whom the limit meets only if the machine is slow.
    EXPECT_TRUE(eventually([&] { return TlsClient(server.port(), nullptr, TLS1_3_VERSION).is_connected(); }));
}

TEST(Tls, ResumesSessions) {
    Server server(tls_options());
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SSL_SESSION* session = nullptr;
        {
            TlsClient client(server.port(), nullptr, version);
            client.send(put("/", "x"));
            client.receive_body(5);
            session = SSL_get1_session(client.ssl());
            EXPECT_FALSE(SSL_session_reused(client.ssl()));
        }
        TlsClient client(server.port(), session, version);
        EXPECT_TRUE(client.is_connected());
        EXPECT_TRUE(SSL_session_reused(client.ssl()));
        SSL_SESSION_free(session);
    }
}

TEST(Tls, ACertificateIsReplacedWithoutARestart) {
    Server server(tls_options());
    EXPECT_EQ(TlsClient(server.port()).subject(), "first");
    const Pair second = make_pair("second");
    EXPECT_THROW(server.listener.reload_certificates(second.certificate, make_pair("third").key), Error);
    EXPECT_EQ(TlsClient(server.port()).subject(), "first");
    server.listener.reload_certificates(second.certificate, second.key);
    EXPECT_EQ(TlsClient(server.port()).subject(), "second");
}

TEST(Tls, AParkedClientThatLeavesIsNoticed) {
    Server server(tls_options());
    std::mutex mutex;
    std::shared_ptr<HttpResponder> parked;
    Gate gone;
    server.handler.on_handle = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        responder->on_gone([&] { gone.open(); });
        const std::lock_guard lock(mutex);
        parked = std::move(responder);
    };
    {
        TlsClient client(server.port());
        client.send(get("/"));
        ASSERT_TRUE(eventually([&] {
            const std::lock_guard lock(mutex);
            return parked != nullptr;
        }));
    }
    EXPECT_TRUE(gone.wait());
    parked.reset();
}

TEST(Tls, ABadCertificateIsSaidByName) {
    Server server;
    ListenerOptions options = tls_options();
    options.certificate = "/no/such/file.pem";
    try {
        Listener listener(options, server.router, server.io, server.workers);
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "cannot use the certificate /no/such/file.pem: No such file or directory");
    }
}

}  // namespace
}  // namespace edgesync::http::test
