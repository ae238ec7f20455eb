// What administrators and policy engines do: credentials, lists, hooks, placement, organizations.
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

class Administration : public ::testing::Test {
protected:
    std::unique_ptr<Node> ess(const std::string& id, std::vector<std::string> lines = {}) {
        auto node = make_ess(folder_.path(), id, css_->port(), std::move(lines));
        node->start();
        return node;
    }
    static Answer as(const Node& node, const std::string& user, const std::string& method, const std::string& path,
                     const std::string& body = "") {
        return call(node.port(), method, "/api/v1/" + path, body, {}, user);
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_ = make_css(folder_.path());
};

/// The next request that comes to `server`, answered with 204; empty at the deadline.
std::string next_request(Poco::Net::ServerSocket& server) {
    if (!server.poll(Poco::Timespan(kPatience.count(), 0), Poco::Net::Socket::SELECT_READ)) return "";
    Poco::Net::StreamSocket connection = server.acceptConnection();
    connection.setReceiveTimeout(Poco::Timespan(kPatience.count(), 0));
    std::string text;
    char window[4096];
    const auto is_whole = [&text] {
        const auto end = text.find("\r\n\r\n");
        const auto length = text.find("Content-Length: ");
        return end != std::string::npos && length != std::string::npos && text.size() >= end + 4 + std::stoul(text.substr(length + 16));
    };
    while (!is_whole()) {
        const int count = connection.receiveBytes(window, sizeof window);
        if (count <= 0) break;
        text.append(window, static_cast<std::size_t>(count));
    }
    const std::string answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    connection.sendBytes(answer.data(), static_cast<int>(answer.size()));
    return text;
}

TEST_F(Administration, AWebhookIsCalledWhenAnObjectHasArrived) {
    css_->start();
    const auto node = ess("cam1");
    ASSERT_TRUE(eventually([&] { return registered(*css_, 1); }));
    Poco::Net::ServerSocket server(Poco::Net::SocketAddress("127.0.0.1", 0));
    const Json hook = {{"action", "register"}, {"url", "http://127.0.0.1:" + std::to_string(server.address().port()) + "/hook"}};
    ASSERT_EQ(node->request("PUT", "objects/model", hook.dump()).status, 204);
    node->kill_hard();
    node->start();
    ASSERT_EQ(publish(*css_, "other", "o", "{}", "data"), 204);
    ASSERT_EQ(publish(*css_, "model", "m", "{}", random_octets(300'000, 1)), 204);
    const std::string request = next_request(server);
    ASSERT_TRUE(request.starts_with("POST /hook HTTP/1.1\r\n")) << request;
    const Json meta = Json::parse(request.substr(request.find("\r\n\r\n") + 4));
    EXPECT_EQ(meta["objectID"], "m");
    EXPECT_EQ(meta["objectSize"], 300'000);
    EXPECT_EQ(edge_status(*node, "model", "m"), "completelyReceived");
}

TEST_F(Administration, APolicyEnginePlacesObjects) {
    css_->start();
    const auto cam1 = ess("cam1");
    const auto cam2 = ess("cam2");
    ASSERT_TRUE(eventually([&] { return registered(*css_, 2); }));
    const std::string policy = R"json({"destinationPolicy":{"properties":[],"constraints":["a == 1"],
        "services":[{"orgID":"so","arch":"*","serviceName":"sn","version":"[1.0,2.0)"}]}})json";
    ASSERT_EQ(publish(*css_, "model", "m", policy, "data"), 204);
    const Answer found = css_->request("GET", "objects/acme?destination_policy=true");
    ASSERT_EQ(found.status, 200);
    EXPECT_EQ(Json::parse(found.body)[0]["objectID"], "m");
    EXPECT_EQ(deliveries(*css_, "model", "m"), "");
    const std::string path = "objects/acme/model/m/destinations";
    EXPECT_EQ(css_->request("POST", path, R"({"action":"add","destinations":["camera:cam1"]})").status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
    EXPECT_EQ(css_->request("PUT", path, R"(["camera:cam2"])").status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam2=delivered"; }));
    EXPECT_TRUE(eventually([&] { return edge_status(*cam1, "model", "m") == "objdeleted"; }));
    EXPECT_EQ(as(*cam2, "acme$so$1.5$sn", "GET", "objects/model/m/data").body, "data") << "a service that the policy names";
    EXPECT_EQ(as(*cam2, "acme$so$2.0$sn", "GET", "objects/model/m/data").status, 403) << "one whose version is out of the range";
    EXPECT_EQ(css_->request("PUT", "objects/acme/model/m/policyreceived").status, 204);
    EXPECT_EQ(css_->request("GET", "objects/acme?destination_policy=true").status, 404);

    ASSERT_EQ(publish(*css_, "model", "m",
                      R"({"destinationPolicy":{"properties":[],"constraints":[],
                          "services":[{"orgID":"so","arch":"*","serviceName":"other","version":"1.0"}]}})",
                      "new"),
              204);
    EXPECT_TRUE(eventually([&] { return as(*cam2, "acme$so$1.0$other", "GET", "objects/model/m/data").body == "new"; }));
    const auto seen = [&] { return as(*cam2, "acme$so$1.5$sn", "GET", "objects/model"); };
    const auto is_gone = [&] {
        const Answer answer = seen();
        return answer.status == 200 && Json::parse(answer.body)[0]["deleted"] == true;
    };
    ASSERT_TRUE(eventually(is_gone)) << "the service learns that the object is gone for it: " << seen().body;
    EXPECT_EQ(as(*cam2, "acme$so$1.5$sn", "PUT", "objects/model/m/deleted").status, 204);
    EXPECT_EQ(seen().status, 404);
}

TEST_F(Administration, ADeletedOrganizationIsGoneAndItsNodesMayComeBack) {
    css_->start();
    const auto node = ess("cam1");
    ASSERT_TRUE(eventually([&] { return registered(*css_, 1); }));
    for (int i = 0; i < 60; ++i) ASSERT_EQ(publish(*css_, "model", "m" + std::to_string(i), "{}", "data"), 204);
    EXPECT_EQ(css_->request("DELETE", "organizations/acme").status, 204);
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme?filters=true").status == 404; }));
    ASSERT_TRUE(eventually([&] { return registered(*css_, 1); })) << "the node registers again";
    EXPECT_TRUE(eventually([&] {
        // The removal ends with the nodes; what is published before that goes with the rest.
        if (css_->request("GET", "objects/acme/model/next").status == 404) publish(*css_, "model", "next", "{}", "data");
        return deliveries(*css_, "model", "next") == "cam1=delivered";
    }));
}

TEST_F(Administration, CredentialsFromAFileAreCheckedOnBothSides) {
    const auto put = [&](const std::string& node, const std::string& text) {
        std::filesystem::create_directories(folder_.path() / node / "sync");
        std::ofstream(folder_.path() / node / "sync/preset-auth.json") << text;
        ::chmod((folder_.path() / node / "sync/preset-auth.json").c_str(), 0600);
    };
    const std::string admin = R"("admin@acme":{"secret":"x","orgID":"acme","username":"admin","type":"admin"})";
    const auto cloud = [&](const std::string& secret) {
        return R"({"credentials":{)" + admin + R"(,"edge":{"secret":")" + secret +
               R"(","orgID":"acme","username":"camera/cam1","type":"EdgeNode"}}})";
    };
    put("css", cloud("s1"));
    put("cam1", R"({"credentials":{)" + admin + R"(},"cssCredentials":{"key":"edge","secret":"s1"}})");
    css_ = make_css(folder_.path(), {"AuthenticationHandler preset"});
    css_->start();
    const auto node = ess("cam1", {"AuthenticationHandler preset"});
    ASSERT_TRUE(eventually([&] { return registered(*css_, 1); })) << node->output();
    EXPECT_EQ(as(*css_, "eve@acme", "GET", "health").status, 403);
    ASSERT_EQ(publish(*css_, "model", "m", "{}", "data"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));

    put("css", cloud("s2"));
    css_->reload();
    ASSERT_TRUE(eventually([&] { return css_->output().find("preset-auth.json again") != std::string::npos; })) << css_->output();
    ASSERT_EQ(publish_on_edge(*node, "report", "r", "up"), 204);
    put("cam1", R"({"credentials":{)" + admin + R"(},"cssCredentials":{"key":"edge","secret":"s2"}})");
    node->reload();
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report/r/data").body == "up"; })) << node->output();

    put("css", "broken");
    css_->reload();
    ASSERT_TRUE(eventually([&] { return css_->output().find("were read before stay") != std::string::npos; }));
    EXPECT_EQ(css_->request("GET", "health").status, 200);
}

}  // namespace
}  // namespace edgesync::system_test
