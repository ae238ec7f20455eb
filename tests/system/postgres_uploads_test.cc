// Uploads whose chunks a load balancer spreads over two CSS processes on one database. Runs inside tests/with-postgres.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTotal = 6'000'011;
constexpr std::size_t kChunk = 700'001;

/// With a folder for large data, and without.
class PostgresUploads : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
        std::vector<std::string> lines;
        if (GetParam()) {
            std::filesystem::create_directory(folder_.path() / "blobs");
            lines = {"PostgresBlobPath " + (folder_.path() / "blobs").string(), "PostgresBlobPathAboveKB 1024"};
        }
        const std::string schema = "u" + std::to_string(std::hash<std::string>()(folder_.path().string()));
        for (const char* name : {"css-a", "css-b"}) {
            nodes_.push_back(std::make_unique<Node>(folder_.path(), name, database_lines(schema, lines)));
            nodes_.back()->start();
        }
    }

    /// Every chunk twice, shuffled, by four clients at both processes. Late repetitions may be refused; nothing else.
    void send_chunks(const std::string& path, const std::string& data, const std::map<std::string, std::string>& headers,
                     const std::string& user) {
        std::vector<std::size_t> begins;
        for (std::size_t begin = 0; begin < data.size(); begin += kChunk) begins.insert(begins.end(), 2, begin);
        std::shuffle(begins.begin(), begins.end(), std::mt19937(1));
        std::atomic<std::size_t> next = 0;
        std::vector<std::thread> clients;
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back([&] {
                for (std::size_t at = next++; at < begins.size(); at = next++) {
                    const std::string part = data.substr(begins[at], kChunk);
                    auto all = headers;
                    all["Content-Range"] = "bytes " + std::to_string(begins[at]) + "-" + std::to_string(begins[at] + part.size() - 1) +
                                           "/" + std::to_string(data.size());
                    const int status = call(nodes_[at % 2]->port(), "PUT", path, part, all, user).status;
                    EXPECT_TRUE(status == 204 || status == 409 || status == 429) << status;
                }
            });
        }
        for (auto& client : clients) client.join();
    }

    const TemporaryFolder folder_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_P(PostgresUploads, OfAnApplicationMayGoToBoth) {
    ASSERT_EQ(nodes_[0]->request("PUT", "objects/acme/model/big", R"({"meta":{"objectID":"big","objectType":"model"}})").status, 204);
    const std::string data = random_octets(kTotal, 1);
    send_chunks("/api/v1/objects/acme/model/big/data", data, {}, "admin@acme");
    for (const auto& node : nodes_) {
        EXPECT_EQ(status(*node, "model", "big"), "ready");
        EXPECT_TRUE(node->request("GET", "objects/acme/model/big/data").body == data);
    }
}

TEST_P(PostgresUploads, OfANodeMayGoToBoth) {
    const std::map<std::string, std::string> identity = {{"X-Sync-Service-Dest", "acme/camera/cam1"}};
    const std::string user = "acme/camera/cam1";
    ASSERT_EQ(call(nodes_[0]->port(), "PUT", "/spi/v1/register-new/acme/camera/cam1?persistent-storage=true", "", identity, user).status,
              204);
    const Json meta = {{"objectID", "big"},  {"objectType", "report"}, {"destinationOrgID", "acme"}, {"originType", "camera"},
                       {"originID", "cam1"}, {"objectSize", kTotal},   {"chunkSize", kChunk},        {"instanceID", 5},
                       {"dataID", 5},        {"consumers", 1}};
    const std::string path = "/spi/v1/objects/acme/report/big/5/5/";
    ASSERT_EQ(call(nodes_[1]->port(), "PUT", path + "update", meta.dump(), identity, user).status, 204);
    const std::string data = random_octets(kTotal, 2);
    send_chunks(path + "data", data, identity, user);
    for (const auto& node : nodes_) {
        EXPECT_EQ(status(*node, "report", "big"), "completelyReceived");
        EXPECT_TRUE(node->request("GET", "objects/acme/report/big/data").body == data);
    }
}

INSTANTIATE_TEST_SUITE_P(To, PostgresUploads, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "ASharedFolder" : "TheDatabase"; });

}  // namespace
}  // namespace edgesync::system_test
