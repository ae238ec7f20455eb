// What a node listens on: plain, TLS, both, Unix sockets; and what it refuses to listen on.
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/NullStream.h>
#include <Poco/StreamCopier.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/system/certificate.h"
#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Poco::Net::Context;
using Poco::Net::HTTPClientSession;

/// The status of GET health; 0: no connection, or no trust.
int health(const std::function<std::unique_ptr<HTTPClientSession>()>& connect) {
    try {
        const auto session = connect();
        session->setTimeout(Poco::Timespan(60, 0));
        Poco::Net::HTTPRequest request("GET", "/api/v1/health", Poco::Net::HTTPMessage::HTTP_1_1);
        request.set("Authorization", "Basic YWRtaW5AYWNtZTp4");
        request.setHost("localhost");  // A session over a given socket knows none.
        session->sendRequest(request);
        Poco::Net::HTTPResponse response;
        Poco::NullOutputStream body;
        Poco::StreamCopier::copyStream(session->receiveResponse(response), body);
        return static_cast<int>(response.getStatus());
    } catch (const Poco::Exception&) {
        return 0;
    }
}

class Listening : public ::testing::Test {
protected:
    Listening() {
        Poco::Net::initializeSSL();
        const Certificate own = make_certificate();
        write("server.pem", own.certificate);
        write("server.key.pem", own.key);
        const Certificate stranger = make_certificate();
        write("stranger.pem", stranger.certificate);
        write("stranger.key.pem", stranger.key);
    }
    ~Listening() override { Poco::Net::uninitializeSSL(); }

    std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }
    std::vector<std::string> tls_lines(const std::string& type) const {
        return {"ListeningType " + type, "SecureListeningPort " + std::to_string(tls_port_), "ServerCertificate " + file("server.pem"),
                "ServerKey " + file("server.key.pem")};
    }
    Context::Ptr trust(const std::string& ca) const {
        Context::Ptr context = new Context(Context::TLS_CLIENT_USE, "", "", file(ca), Context::VERIFY_STRICT, 9, false);
        context->requireMinimumProtocol(Context::PROTO_TLSV1_2);
        return context;
    }

    int plain_health(const Node& node) const {
        return health([&] { return std::make_unique<HTTPClientSession>("127.0.0.1", static_cast<Poco::UInt16>(node.port())); });
    }
    int tls_health(const std::string& ca = "server.pem") const {
        const Poco::Net::SocketAddress address("127.0.0.1", static_cast<Poco::UInt16>(tls_port_));
        return health([&] { return open_tls(Poco::Net::StreamSocket(address), ca); });
    }
    std::unique_ptr<HTTPClientSession> open_tls(const Poco::Net::StreamSocket& socket, const std::string& ca) const {
        return std::make_unique<HTTPClientSession>(Poco::Net::SecureStreamSocket::attach(socket, "localhost", trust(ca)));
    }
    static Poco::Net::StreamSocket connect_unix(const std::string& path) {
        return Poco::Net::StreamSocket(Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, path));
    }
    static int unix_health(const std::string& path) {
        return health([&] { return std::make_unique<HTTPClientSession>(connect_unix(path)); });
    }
    int tls_unix_health(const std::string& path) const {
        return health([&] { return open_tls(connect_unix(path), "server.pem"); });
    }
    /// The launched node ends with a failure whose reason the last line of its output gives.
    static void expect_refusal(Node& node, const std::string& reason) {
        node.launch();
        EXPECT_GT(node.wait_for_end(), 0) << reason;
        std::string output = node.output();
        while (output.ends_with('\n')) output.pop_back();
        const std::string last = output.substr(output.rfind('\n') + 1);
        EXPECT_NE(last.find(reason), std::string::npos) << "no \"" << reason << "\" in: " << last;
    }

    TemporaryFolder folder_;
    const int tls_port_ = free_port();
};

TEST_F(Listening, EachTypeServesExactlyItsTcpPorts) {
    struct Row {
        const char* type;
        bool is_plain;
        bool is_tls;
    };
    for (const Row& row : {Row{"unsecure", true, false}, Row{"secure", false, true}, Row{"both", true, true}}) {
        for (const bool is_css : {true, false}) {
            const auto node =
                is_css ? make_css(folder_.path(), tls_lines(row.type)) : make_ess(folder_.path(), "cam1", free_port(), tls_lines(row.type));
            node->launch();
            const std::string what = std::string(row.type) + (is_css ? " on a CSS" : " on an ESS");
            ASSERT_TRUE(eventually([&] { return (row.is_tls ? tls_health() : plain_health(*node)) == 200; })) << what << node->output();
            EXPECT_EQ(plain_health(*node), row.is_plain ? 200 : 0) << what;
            EXPECT_EQ(tls_health(), row.is_tls ? 200 : 0) << what;
            EXPECT_EQ(tls_health("stranger.pem"), 0) << what;
            EXPECT_EQ(node->terminate(), 0) << what << node->output();
        }
    }
}

TEST_F(Listening, AnEdgeNodeServesAUnixSocketWithTheModeThatIsSet) {
    const auto ess = make_ess(folder_.path(), "cam1", free_port(),
                              {"ListeningType unix", "ListeningAddress sync.sock", "UnixSocketFilePermissions 0640"});
    const std::string path = (ess->root() / "sync.sock").string();
    ess->launch();
    ASSERT_TRUE(eventually([&] { return unix_health(path) == 200; })) << ess->output();
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0640U);
    EXPECT_EQ(plain_health(*ess), 0);

    ess->kill_hard();
    EXPECT_TRUE(std::filesystem::exists(path));
    ess->launch();
    EXPECT_TRUE(eventually([&] { return unix_health(path) == 200; })) << "a socket that nobody serves is replaced" << ess->output();
    EXPECT_EQ(ess->terminate(), 0) << ess->output();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Listening, AnEdgeNodeServesTlsOverAUnixSocket) {
    std::vector<std::string> lines = tls_lines("secure-unix");
    lines.emplace_back("ListeningAddress sync.sock");
    const auto ess = make_ess(folder_.path(), "cam1", free_port(), lines);
    const std::string path = (ess->root() / "sync.sock").string();
    ess->launch();
    EXPECT_TRUE(eventually([&] { return tls_unix_health(path) == 200; })) << ess->output();
    EXPECT_NE(unix_health(path), 200);
    EXPECT_EQ(ess->terminate(), 0);
}

TEST_F(Listening, AnEdgeNodeSynchronizesOverTlsOnlyWithACssThatItTrusts) {
    const auto css = make_css(folder_.path(), tls_lines("both"));
    css->start();
    const auto tls_node = [&](const char* id, const char* ca) {
        auto node = make_ess(folder_.path(), id, tls_port_, {"HTTPCSSUseSSL true", std::string("HTTPCSSCACertificate ") + file(ca)});
        node->start();
        return node;
    };
    const auto distrusting = tls_node("cam2", "stranger.pem");
    const auto trusting = tls_node("cam1", "server.pem");
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); })) << trusting->output();
    const std::string data = random_octets(3'000'000, 1);
    ASSERT_EQ(publish(*css, "model", "m", "{}", data), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "m") == "cam1=delivered"; })) << deliveries(*css, "model", "m");
    EXPECT_TRUE(trusting->request("GET", "objects/model/m/data").body == data);
    ASSERT_EQ(publish_on_edge(*trusting, "report", "r", "up"), 204);
    EXPECT_TRUE(eventually([&] { return css->request("GET", "objects/acme/report/r/data").body == "up"; }));
    EXPECT_TRUE(eventually([&] { return distrusting->output().find("certificate verify failed") != std::string::npos; }))
        << distrusting->output();
    EXPECT_TRUE(registered(*css, 1)) << "the distrusting node must not have registered";
}

TEST_F(Listening, AnEdgeNodeMakesItsOwnCertificate) {
    const std::vector<std::string> lines = {"ListeningType both", "SecureListeningPort " + std::to_string(tls_port_)};
    const auto node = make_ess(folder_.path(), "cam1", free_port(), lines);
    node->start();
    const std::string own = "cam1/sync/certs/cert.pem";
    EXPECT_TRUE(eventually([&] { return tls_health(own) == 200; })) << node->output();
    EXPECT_EQ(tls_health("stranger.pem"), 0);
    EXPECT_EQ(node->terminate(), 0);
    node->start();
    EXPECT_TRUE(eventually([&] { return tls_health(own) == 200; })) << "the same certificate after a restart";
}

TEST_F(Listening, TheCertificateMayBeTextOfTheEnvironment) {
    const Certificate given = make_certificate();
    write("given.pem", given.certificate);
    const std::vector<std::string> lines = {"ListeningType both", "SecureListeningPort " + std::to_string(tls_port_)};
    for (const bool is_css : {true, false}) {
        const auto node = is_css ? make_css(folder_.path(), lines) : make_ess(folder_.path(), "cam1", free_port(), lines);
        node->set_environment("SERVER_CERTIFICATE", given.certificate);
        node->set_environment("SERVER_KEY", given.key);
        node->start();
        EXPECT_EQ(tls_health("given.pem"), 200) << is_css << node->output();
        EXPECT_EQ(tls_health("stranger.pem"), 0) << is_css;
        node->reload();
        EXPECT_EQ(tls_health("given.pem"), 200) << is_css << ": after SIGHUP";
        EXPECT_FALSE(std::filesystem::exists(node->root() / "sync/certs")) << "no other certificate is made";
        EXPECT_EQ(node->output().find("PRIVATE KEY"), std::string::npos);
        EXPECT_EQ(node->terminate(), 0) << node->output();
    }
}

TEST_F(Listening, ANewCertificateIsShownFromTheNextConnectionOn) {
    const auto css = make_css(folder_.path(), tls_lines("both"));
    css->start();
    ASSERT_TRUE(eventually([&] { return tls_health() == 200; }));
    const Poco::Net::SocketAddress address("127.0.0.1", static_cast<Poco::UInt16>(tls_port_));
    auto open = open_tls(Poco::Net::StreamSocket(address), "server.pem");
    open->setKeepAlive(true);
    open->setKeepAliveTimeout(Poco::Timespan(kPatience.count(), 0));  // Otherwise it connects again after 8 s without a request.
    const auto ask = [&] {
        Poco::Net::HTTPRequest request("GET", "/api/v1/health", Poco::Net::HTTPMessage::HTTP_1_1);
        request.setHost("localhost");
        request.set("Authorization", "Basic YWRtaW5AYWNtZTp4");
        open->sendRequest(request);
        Poco::Net::HTTPResponse response;
        Poco::NullOutputStream body;
        Poco::StreamCopier::copyStream(open->receiveResponse(response), body);
        return static_cast<int>(response.getStatus());
    };
    EXPECT_EQ(ask(), 200);

    std::filesystem::copy_file(file("server.pem"), file("first.pem"));
    write("server.pem", "broken");
    css->reload();
    EXPECT_TRUE(eventually([&] { return css->output().find("the certificate that was read before stays") != std::string::npos; }));
    EXPECT_EQ(tls_health("first.pem"), 200) << "a broken file changes nothing";

    std::filesystem::copy_file(file("stranger.pem"), file("server.pem"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(file("stranger.key.pem"), file("server.key.pem"), std::filesystem::copy_options::overwrite_existing);
    css->reload();
    EXPECT_TRUE(eventually([&] { return tls_health("stranger.pem") == 200; }));
    EXPECT_EQ(tls_health("first.pem"), 0);
    EXPECT_EQ(ask(), 200) << "a connection that is there goes on";
}

TEST_F(Listening, WhatCannotBeServedStopsTheStartWithOneLine) {
    const auto without = [](std::vector<std::string> lines, const std::string& key, const std::string& value) {
        for (auto& line : lines) {
            if (line.starts_with(key + " ")) line = key + " " + value;
        }
        return lines;
    };
    write("no.pem", "nothing of a certificate");
    const auto refuses = [&](const std::vector<std::string>& lines, const std::string& reason) {
        const auto css = make_css(folder_.path(), lines);
        expect_refusal(*css, reason);
    };
    refuses({"ListeningType secure"}, "ServerKey is empty");
    refuses({"ListeningType plain"}, "ListeningType must be both, secure, unsecure, unix, or secure-unix");
    refuses({"ListeningType unix", "ListeningAddress sync.sock"}, "Only an ESS can listen via Unix Sockets");
    refuses(without(tls_lines("secure"), "ServerCertificate", file("absent.pem")), "No such file");
    refuses(without(tls_lines("secure"), "ServerCertificate", file("no.pem")), "it is not a PEM file");
    refuses(without(tls_lines("secure"), "ServerKey", file("stranger.key.pem")), "key values mismatch");

    const auto first = make_css(folder_.path());
    first->start();
    const auto second = make_ess(folder_.path(), "cam1", free_port(), {"UnsecureListeningPort " + std::to_string(first->port())});
    expect_refusal(*second, "Address already in use");
    EXPECT_TRUE(first->is_healthy());

    const auto occupied = make_ess(folder_.path(), "cam2", free_port(), {"ListeningType unix", "ListeningAddress " + file("server.pem")});
    expect_refusal(*occupied, "it exists and is not a socket");
    EXPECT_GT(std::filesystem::file_size(file("server.pem")), 0U);
}

}  // namespace
}  // namespace edgesync::system_test
