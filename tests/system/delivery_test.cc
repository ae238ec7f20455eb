#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

class Delivery : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", css_->port());
        cam2_ = make_ess(folder_.path(), "cam2", css_->port());
        cam1_->start();
        cam2_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    }
    std::string data_at(const Node& ess, const std::string& id) { return ess.request("GET", "objects/model/" + id + "/data").body; }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
    std::unique_ptr<Node> cam2_;
};

TEST_F(Delivery, EveryFormOfAddressingReachesExactlyItsNodes) {
    struct Row {
        const char* id;
        const char* addressing;
        std::string delivered;
    };
    const std::vector<Row> rows = {
        {"one", R"({"destinationType":"camera","destinationID":"cam2"})", "cam2=delivered"},
        {"type", R"({"destinationType":"camera"})", "cam1=delivered,cam2=delivered"},
        {"list", R"({"destinationsList":["camera:cam1"]})", "cam1=delivered"},
        {"all", "{}", "cam1=delivered,cam2=delivered"},
    };
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{65537}, std::size_t{12'000'001}}) {
        const std::string data = random_octets(size, 1);
        for (const Row& row : rows) {
            const std::string id = row.id + std::to_string(size);
            ASSERT_EQ(publish(*css_, "model", id, row.addressing, data), 204) << id;
            ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == row.delivered; }))
                << id << ": " << deliveries(*css_, "model", id);
            for (const Node* node : {cam1_.get(), cam2_.get()}) {
                const bool is_addressed = row.delivered.find(node == cam1_.get() ? "cam1" : "cam2") != std::string::npos;
                EXPECT_EQ(edge_status(*node, "model", id) == "completelyReceived", is_addressed) << id;
                if (!is_addressed) continue;
                EXPECT_TRUE(data_at(*node, id) == data) << id;
            }
        }
    }
}

TEST_F(Delivery, AnObjectGoesFromPutToConsumedInBothDirections) {
    publish(*css_, "model", "m", R"({"destinationType":"camera","destinationID":"cam1"})", "down");
    ASSERT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "m") == "completelyReceived"; }));
    EXPECT_EQ(cam1_->request("PUT", "objects/model/m/received").status, 204);
    EXPECT_EQ(edge_status(*cam1_, "model", "m"), "objreceived");
    EXPECT_EQ(cam1_->request("PUT", "objects/model/m/consumed").status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=consumed"; }));
    EXPECT_TRUE(eventually([&] { return cam1_->request("GET", "objects/model/m").status == 404; }));

    const std::string data = random_octets(17'000'000, 2);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "r", data), 204);
    ASSERT_TRUE(eventually([&] { return status(*css_, "report", "r") == "completelyReceived"; }));
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/r/data").body == data);
    EXPECT_EQ(css_->request("PUT", "objects/acme/report/r/consumed").status, 204);
    EXPECT_TRUE(eventually([&] { return edge_status(*cam1_, "report", "r") == "consumedByDest"; }));
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report/r").status == 404; }));
}

TEST_F(Delivery, ADeletionReachesTheEdgeAndIsConfirmed) {
    publish(*css_, "model", "m", R"({"destinationType":"camera","destinationID":"cam1"})", "x");
    ASSERT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "m") == "completelyReceived"; }));
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 204);
    EXPECT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "m") == "objdeleted"; }));
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/model/m").status == 404; }));
    EXPECT_EQ(cam1_->request("PUT", "objects/model/m/deleted").status, 204);
    EXPECT_TRUE(eventually([&] { return cam1_->request("GET", "objects/model/m").status == 404; }));
}

TEST_F(Delivery, ADeletionOnTheEdgeReachesTheCloud) {
    publish_on_edge(*cam1_, "report", "r", "x");
    ASSERT_TRUE(eventually([&] { return status(*css_, "report", "r") == "completelyReceived"; }));
    EXPECT_EQ(cam1_->request("DELETE", "objects/report/r").status, 204);
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "r") == "objdeleted"; }));
    EXPECT_EQ(css_->request("PUT", "objects/acme/report/r/deleted").status, 204);
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report/r").status == 404; }));
    EXPECT_TRUE(eventually([&] { return cam1_->request("GET", "objects/report/r").status == 404; }));
}

TEST_F(Delivery, HundredObjectsAtOnceArrive) {
    for (int i = 0; i < 100; ++i) {
        const std::string data = random_octets(static_cast<std::size_t>(i) * 3000, static_cast<unsigned>(i));
        ASSERT_EQ(publish(*css_, "model", "m" + std::to_string(i), R"({"destinationType":"camera"})", data), 204);
    }
    for (int i = 0; i < 100; ++i) {
        const std::string id = "m" + std::to_string(i);
        ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered,cam2=delivered"; })) << id;
        EXPECT_TRUE(data_at(*cam2_, id) == random_octets(static_cast<std::size_t>(i) * 3000, static_cast<unsigned>(i))) << id;
    }
}

TEST_F(Delivery, WhatSeveralClientsPublishAtOnceArrivesAtEveryNode) {
    constexpr int kClients = 5;
    constexpr int kEach = 20;
    const auto data_of = [](int number) {
        const std::size_t sizes[] = {0, 1, 65'536, 65'537, 300'000, 1'500'000};
        return random_octets(sizes[number % 6], static_cast<unsigned>(number));
    };
    std::atomic<int> refused{0};
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([&, client] {
            for (int i = client * kEach; i < (client + 1) * kEach; ++i) {
                if (publish(*css_, "model", "m" + std::to_string(i), R"({"destinationType":"camera"})", data_of(i)) != 204) ++refused;
            }
        });
    }
    for (auto& client : clients) client.join();
    EXPECT_EQ(refused, 0);
    for (int i = 0; i < kClients * kEach; ++i) {
        const std::string id = "m" + std::to_string(i);
        ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered,cam2=delivered"; }))
            << id << ": " << deliveries(*css_, "model", id);
        for (const Node* node : {cam1_.get(), cam2_.get()}) EXPECT_TRUE(data_at(*node, id) == data_of(i)) << id;
        EXPECT_TRUE(css_->request("GET", "objects/acme/model/" + id + "/data").body == data_of(i)) << id;
    }
}

TEST_F(Delivery, EqualDataOfTwoNodesBelongsToEachOfTheirObjects) {
    constexpr int kEach = 20;
    const auto data_of = [](int number) { return random_octets(number % 2 == 0 ? 1000 : 400'000, static_cast<unsigned>(number)); };
    std::atomic<int> refused{0};
    const auto send = [&](const Node& node, const std::string& prefix) {
        for (int i = 0; i < kEach; ++i) {
            if (publish_on_edge(node, "report", prefix + std::to_string(i), data_of(i)) != 204) ++refused;
        }
    };
    std::thread first([&] { send(*cam1_, "one"); });
    std::thread second([&] { send(*cam2_, "two"); });
    first.join();
    second.join();
    EXPECT_EQ(refused, 0);
    const auto data_on_css = [&](const std::string& id) { return css_->request("GET", "objects/acme/report/" + id + "/data").body; };
    for (int i = 0; i < kEach; ++i) {
        for (const auto& id : {"one" + std::to_string(i), "two" + std::to_string(i)}) {
            ASSERT_TRUE(eventually([&] { return status(*css_, "report", id) == "completelyReceived"; })) << id;
            EXPECT_TRUE(data_on_css(id) == data_of(i)) << id;
        }
    }
    // When the one goes, the other stays.
    for (int i = 0; i < kEach; ++i) EXPECT_EQ(css_->request("DELETE", "objects/acme/report/one" + std::to_string(i)).status, 204);
    for (int i = 0; i < kEach; ++i) EXPECT_TRUE(data_on_css("two" + std::to_string(i)) == data_of(i)) << i;
}

TEST_F(Delivery, AChunkedUploadCompletesInAnyOrderAndServesRanges) {
    const std::string data = random_octets(3'000'000, 5);
    css_->request("PUT", "objects/acme/model/c",
                  R"({"meta":{"objectID":"c","objectType":"model","destinationType":"camera","destinationID":"cam1"}})");
    const auto send = [&](std::size_t begin, std::size_t end) {
        const std::string range = "bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/" + std::to_string(data.size());
        return css_->request("PUT", "objects/acme/model/c/data", data.substr(begin, end - begin), {{"Content-Range", range}});
    };
    const Answer first = send(0, 1'000'000);
    EXPECT_EQ(first.status, 204);
    EXPECT_TRUE(first.headers.contains("MMS-Upload-Owner"));
    EXPECT_EQ(send(2'000'000, 3'000'000).status, 204);
    EXPECT_EQ(send(2'000'000, 3'000'000).status, 204) << "a repeated chunk";
    EXPECT_EQ(status(*css_, "model", "c"), "notReady");
    EXPECT_EQ(send(1'000'000, 2'000'000).status, 204);
    EXPECT_TRUE(eventually([&] { return status(*css_, "model", "c") == "ready"; }));
    ASSERT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "c") == "completelyReceived"; }));
    EXPECT_TRUE(data_at(*cam1_, "c") == data);
    const Answer part = cam1_->request("GET", "objects/model/c/data", "", {{"Range", "bytes=2999990-3999999"}});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.headers.at("Content-Range"), "bytes 2999990-2999999/3000000");
    EXPECT_TRUE(part.body == data.substr(2'999'990));
}

TEST_F(Delivery, ConsumersCountAndActivationWaitsForItsTime) {
    publish(*css_, "model", "twice", R"({"destinationType":"camera","destinationID":"cam1","consumers":2})", "x");
    ASSERT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "twice") == "completelyReceived"; }));
    cam1_->request("PUT", "objects/model/twice/consumed");
    EXPECT_EQ(edge_status(*cam1_, "model", "twice"), "completelyReceived");
    cam1_->request("PUT", "objects/model/twice/consumed");
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "twice") == "cam1=consumed"; }));

    publish(*css_, "model", "later", R"({"destinationType":"camera","destinationID":"cam1","inactive":true})", "x");
    EXPECT_EQ(deliveries(*css_, "model", "later"), "cam1=pending");
    EXPECT_EQ(css_->request("PUT", "objects/acme/model/later/activate").status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "later") == "cam1=delivered"; }));
}

TEST_F(Delivery, AResendRequestBringsBackWhatTheNodeDropped) {
    publish(*css_, "model", "m", R"({"destinationType":"camera","destinationID":"cam1"})", "x");
    ASSERT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "m") == "completelyReceived"; }));
    cam1_->request("PUT", "objects/model/m/consumed");
    ASSERT_TRUE(eventually([&] { return cam1_->request("GET", "objects/model/m").status == 404; }));
    EXPECT_EQ(cam1_->request("POST", "resend").status, 204);
    EXPECT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "m") == "completelyReceived"; }));
}

}  // namespace
}  // namespace edgesync::system_test
