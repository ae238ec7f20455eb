// The examples as their users have them: plugins that were built against the installed package, in the installed program.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "tests/examples/nats_server.h"
#include "tests/system/certificate.h"
#include "tests/system/cluster.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

using Lines = std::vector<std::string>;

Lines with_examples(Lines lines) {
    lines.emplace_back("PluginPath " EDGESYNC_PLUGIN_FOLDERS);
    return lines;
}

/// Of all files in the node's folder of data together.
std::uintmax_t staged_bytes(const Node& node) {
    std::uintmax_t size = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(node.root() / "sync/local/blobs", ignored)) {
        std::error_code gone;
        if (entry.is_regular_file(gone)) size += entry.file_size(gone);
    }
    return size;
}

class Nats : public testing::Test {
protected:
    void SetUp() override {
        if (!NatsServer::is_installed()) GTEST_SKIP() << "nats-server is not installed";
    }
    static Lines lines(const NatsServer& server, Lines more = {}) {
        const auto is_given = [&](const std::string& key) {
            return std::any_of(more.begin(), more.end(), [&](const auto& line) { return line.starts_with(key + " "); });
        };
        if (!is_given("NATSAddress")) more.emplace_back("NATSAddress 127.0.0.1:" + std::to_string(server.port()));
        if (!is_given("CommunicationProtocol")) more.emplace_back("CommunicationProtocol nats");
        if (!is_given("NATSUseTLS")) more.emplace_back("NATSUseTLS false");
        return with_examples(std::move(more));
    }
    void start_both(const std::string& node = "cam1") {
        server_.start();
        css_ = make_css(folder_.path(), lines(server_));
        css_->start();
        ess_ = make_ess(folder_.path(), node, css_->port(), lines(server_));
        ess_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << ess_->output();
    }
    TemporaryFolder folder_;
    NatsServer server_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> ess_;
};

TEST_F(Nats, ObjectsGoBothWaysWhateverTheyAreCalled) {
    ASSERT_NO_FATAL_FAILURE(start_both("cam.1*~"));
    for (const std::string id : {"plain", "with.dots.in.it", "*", "a*b"}) {
        ASSERT_EQ(publish(*css_, "model", id, R"({"destinationType":"camera"})", "down " + id), 204);
        ASSERT_EQ(publish_on_edge(*ess_, "report.x", id, "up " + id), 204);
        EXPECT_TRUE(eventually([&] { return ess_->request("GET", "objects/model/" + id + "/data").body == "down " + id; })) << id;
        EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report.x/" + id + "/data").body == "up " + id; })) << id;
        EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam.1*~=delivered"; })) << deliveries(*css_, "model", id);
    }
}

TEST_F(Nats, LargeDataGoThroughACrashOfTheServer) {
    constexpr long long kMiddle = 60'000'000;
    server_.start();
    css_ = make_css(folder_.path(), lines(server_));
    css_->start();
    Proxy line(server_.port());
    ess_ = make_ess(folder_.path(), "cam1", css_->port(), lines(server_, {"NATSAddress 127.0.0.1:" + std::to_string(line.port())}));
    ess_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << ess_->output();
    const std::string data = random_octets(160 * 1024 * 1024, 5);
    line.freeze_at(line.forwarded() + kMiddle);
    ASSERT_EQ(publish(*css_, "model", "big", R"({"destinationType":"camera"})", data), 204);
    ASSERT_TRUE(eventually([&] { return staged_bytes(*ess_) > 8'000'000; }));
    server_.kill_hard();
    EXPECT_NE(deliveries(*css_, "model", "big"), "cam1=delivered") << "too late to be a test";
    line.thaw();
    server_.start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }, std::chrono::seconds(150)));
    EXPECT_TRUE(ess_->request("GET", "objects/model/big/data").body == data);

    const std::string longer = data + "x";
    const auto before = staged_bytes(*css_);
    line.freeze_at(line.forwarded() + kMiddle);
    const auto meta = R"({"meta":{"objectID":"film","objectType":"report"}})";
    ASSERT_EQ(ess_->request("PUT", "objects/report/film", meta).status, 204);
    ASSERT_EQ(ess_->request("PUT", "objects/report/film/data", longer).status, 204);
    ASSERT_TRUE(eventually([&] { return staged_bytes(*css_) > before + 8'000'000; }));
    server_.kill_hard();
    EXPECT_EQ(status(*css_, "report", "film"), "partiallyreceived") << "too late to be a test";
    line.thaw();
    server_.start();
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "film") == "completelyReceived"; })) << status(*css_, "report", "film");
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/film/data").body == longer);
}

TEST_F(Nats, ACssServesNodesOfBothTransports) {
    server_.start();
    css_ = make_css(folder_.path(), lines(server_, {"CommunicationProtocol http,nats"}));
    css_->start();
    ess_ = make_ess(folder_.path(), "cam1", css_->port(), lines(server_));
    ess_->start();
    const auto over_http = make_ess(folder_.path(), "cam2", css_->port());
    over_http->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered,cam2=delivered"; }));
}

TEST_F(Nats, ANodeSaysThatAnotherOneHasItsNames) {
    ASSERT_NO_FATAL_FAILURE(start_both());
    const TemporaryFolder elsewhere;
    const auto namesake = make_ess(elsewhere.path(), "cam1", css_->port(), lines(server_));
    namesake->start();
    EXPECT_TRUE(eventually([&] { return ess_->output().find("Another node seems to register as acme/camera/cam1") != std::string::npos; }));
    EXPECT_EQ(namesake->output().find("Another node"), std::string::npos) << "it came later";
}

TEST_F(Nats, WrongSettingsAreNamedAllAtOnce) {
    ess_ = make_ess(folder_.path(), "cam1", 1,
                    with_examples({"CommunicationProtocol nats", "NATSAddress nats.example.com:99999", "NATSUser me", "NATSToken abc",
                                   "NATSCACertificate /nowhere.pem"}));
    ess_->launch();
    EXPECT_GT(ess_->wait_for_end(), 0);
    const std::string output = ess_->output();
    for (const char* problem : {"NATSAddress 'nats.example.com:99999'", "exclude each other", "NATSUser and NATSPassword need each other",
                                "NATSCACertificate '/nowhere.pem'"}) {
        EXPECT_NE(output.find(problem), std::string::npos) << problem << " is not in " << output;
    }
    EXPECT_EQ(output.find("abc"), std::string::npos) << "a secret is shown";
}

TEST_F(Nats, AnEncryptedServerWithUsersLetsNodesSpeakForThemselvesAlone) {
    NatsServer server(R"(tls { cert_file: "{folder}/server.pem", key_file: "{folder}/key.pem" }
authorization { users = [
  { user: css, password: "of-css" }
  { user: cam1, password: "of-cam1", permissions { publish: "edgesync.up.*.acme.camera.cam1", subscribe: "edgesync.down.*.acme.camera.cam1" } }
  { user: mute, password: "of-mute", permissions { publish: "nothing", subscribe: "edgesync.down.*.acme.camera.mute" } }
] })");
    const auto authority = make_authority("test authority");
    const auto certificate = issue_certificate(authority, "server", "DNS:localhost");
    server.write("ca.pem", authority.certificate);
    server.write("server.pem", certificate.certificate);
    server.write("key.pem", certificate.key);
    server.write("other.pem", make_authority("another authority").certificate);
    server.start();
    const auto secured = [&](const std::string& user, const std::string& password, const std::string& roots) {
        return lines(server, {"NATSAddress localhost:" + std::to_string(server.port()), "NATSUseTLS true",
                              "NATSCACertificate " + server.file(roots), "NATSUser " + user, "NATSPassword " + password});
    };
    css_ = make_css(folder_.path(), secured("css", "of-css", "ca.pem"));
    css_->start();
    struct Row {
        const char* node;
        Lines lines;
        const char* colour;
        const char* problem;
    };
    for (const Row& row : {Row{"wrong", secured("cam1", "guess", "ca.pem"), "red", "Authorization Violation"},
                           Row{"distrustful", secured("cam1", "of-cam1", "other.pem"), "red", "certificate"},
                           Row{"pretender", secured("cam1", "of-cam1", "ca.pem"), "red", "Permissions Violation for Subscription"},
                           Row{"mute", secured("mute", "of-mute", "ca.pem"), "yellow", "Permissions Violation for Publish"}}) {
        const auto node = make_ess(folder_.path(), row.node, css_->port(), row.lines);
        node->start();
        const std::string problem = "transport-nats: NATS server localhost:" + std::to_string(server.port()) + ": ";
        const auto is_told = [&](const std::string& text) {
            const auto at = text.find(problem);
            return at != text.npos && text.find(row.problem, at) != text.npos;
        };
        EXPECT_TRUE(eventually([&] { return is_told(node->output()); })) << row.node << ": " << node->output();
        std::string health;
        EXPECT_TRUE(eventually([&] {
            health = node->request("GET", "health").body;
            return health.find(std::string(R"("healthStatus":")") + row.colour + '"') != std::string::npos && is_told(health);
        })) << row.node
            << ": " << health;
    }
    ess_ = make_ess(folder_.path(), "cam1", css_->port(), secured("cam1", "of-cam1", "ca.pem"));
    ess_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << ess_->output();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
}

class Sqlite : public testing::Test {
protected:
    static Lines lines() { return with_examples({"StorageProvider sqlite"}); }
    TemporaryFolder folder_;
};

TEST_F(Sqlite, ANodeThatIsKilledLosesNothingThatItAcknowledged) {
    const auto css = make_css(folder_.path(), with_examples({}));
    css->start();
    const auto ess = make_ess(folder_.path(), "cam1", css->port(), lines());
    ess->start();
    std::minstd_rand random(static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed()));
    std::vector<std::pair<std::string, std::string>> acknowledged;
    for (int round = 0; round < 6; ++round) {
        std::atomic<bool> is_running{true};
        std::atomic<int> count{0};
        std::vector<std::pair<std::string, std::string>> accepted;
        std::thread client([&] {
            for (int i = 0; is_running; ++i) {
                const std::string id = "r" + std::to_string(round) + "-" + std::to_string(i);
                // In a row, and in a file.
                const std::string data = random_octets(i % 2 == 0 ? 1000 : 300'000, static_cast<unsigned>(i));
                if (publish_on_edge(*ess, "report", id, data) != 204) continue;
                accepted.emplace_back(id, data);
                ++count;
            }
        });
        const auto enough = std::chrono::milliseconds(100 + random() % 400);
        EXPECT_TRUE(eventually([&, began = std::chrono::steady_clock::now()] {
            return std::chrono::steady_clock::now() - began > enough && count >= 4;
        })) << count;
        ess->kill_hard();
        is_running = false;
        client.join();
        ess->start();
        acknowledged.insert(acknowledged.end(), accepted.begin(), accepted.end());
    }
    ASSERT_GT(acknowledged.size(), 20U);
    for (const auto& [id, data] : acknowledged) {
        ASSERT_TRUE(eventually([&] { return css->request("GET", "objects/acme/report/" + id + "/data").body == data; }))
            << id << " is " << status(*css, "report", id) << ", on the edge " << edge_status(*ess, "report", id);
    }
}

TEST_F(Sqlite, ObjectsOfTheCloudSurviveARestart) {
    const auto css = make_css(folder_.path(), lines());
    css->start();
    const auto ess = make_ess(folder_.path(), "cam1", css->port(), lines());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); }));
    const std::string large = random_octets(5'000'000, 2);
    ASSERT_EQ(publish(*css, "model", "small", R"({"destinationType":"camera"})", "x"), 204);
    ASSERT_EQ(publish(*css, "model", "large", R"({"destinationType":"camera"})", large), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "small") == "cam1=delivered"; }));
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "large") == "cam1=delivered"; }));
    for (Node* const node : {css.get(), ess.get()}) {
        EXPECT_EQ(node->terminate(), 0);
        node->start();
    }
    EXPECT_EQ(ess->request("GET", "objects/model/small/data").body, "x");
    EXPECT_TRUE(ess->request("GET", "objects/model/large/data").body == large);
    EXPECT_EQ(css->request("DELETE", "objects/acme/model/large").status, 204);
    EXPECT_TRUE(eventually([&] { return ess->request("GET", "objects/model/large/data").status == 404; }));
}

TEST_F(Sqlite, WhatIsWrongWithItsFilesIsSaidAtTheStartAndForeignFilesStay) {
    const auto ess = make_ess(folder_.path(), "cam1", 1, lines());
    ess->start();
    ASSERT_EQ(publish_on_edge(*ess, "report", "r", "kept"), 204);
    const auto file = ess->root() / "sync/sqlite/store.db";
    EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto foreign = file.parent_path() / "blobs/README";
    std::ofstream(foreign) << "of somebody else";
    ASSERT_EQ(ess->terminate(), 0);
    std::ifstream in(file);
    const std::string whole{std::istreambuf_iterator<char>(in), {}};
    const auto expect_refusal = [&](const std::string& problem) {
        ess->launch();
        EXPECT_GT(ess->wait_for_end(), 0) << problem;
        const std::string output = ess->output();
        const auto at = output.rfind("FATAL: store-sqlite: ");
        ASSERT_NE(at, output.npos) << output;
        EXPECT_NE(output.find(file.string(), at), output.npos) << output.substr(at);
        EXPECT_NE(output.find(problem, at), output.npos) << output.substr(at);
    };
    const auto with = [&](std::size_t offset, const std::string& octets) {
        return std::string(whole).replace(offset, octets.size(), octets);
    };
    std::ofstream(file) << with(0, std::string(100, 'x'));
    expect_refusal("not a database");
    std::ofstream(file) << with(60, {0, 0, 0, 99});  // The number that PRAGMA user_version reads.
    expect_refusal("newer version");
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    expect_refusal("Cannot open");
    std::filesystem::remove(file);
    std::ofstream(file) << whole;
    ess->start();
    EXPECT_EQ(ess->request("GET", "objects/report/r/data").body, "kept");
    EXPECT_TRUE(std::filesystem::exists(foreign));
}

TEST_F(Sqlite, ASecondProcessOnItsFilesIsRefused) {
    const auto first = make_ess(folder_.path(), "cam1", 1, lines());
    first->start();
    const auto second =
        make_ess(folder_.path(), "cam2", 1, with_examples({"StorageProvider sqlite", "PersistenceRootPath " + first->root().string()}));
    second->launch();
    EXPECT_GT(second->wait_for_end(), 0);
    EXPECT_NE(second->output().find("in use by another process"), std::string::npos) << second->output();
}

}  // namespace
}  // namespace edgesync::system_test
