#include <nlohmann/json.hpp>

#include "api_fixture.h"

namespace edgesync::api {
namespace {

Request post(const std::string& target, const std::string& key) { return {.method = "POST", .target = target, .key = key}; }

using Shutdown = ApiTest;

TEST_F(Shutdown, IsForServiceAdministrators) {
    for (const char* key : {"", "alice@acme", "bob@acme", "acme/eve", "node%acme"})
        EXPECT_EQ(send(post("/shutdown", key)).status, 403) << key;
    EXPECT_EQ(get("/shutdown", "root@acme").status, 405);
    EXPECT_EQ(get("/shutdown", "bob@acme").status, 403);
    EXPECT_FALSE(shutdown_);
    EXPECT_EQ(send(post("/shutdown", "root@acme")).status, 204);
    ASSERT_TRUE(shutdown_);
    EXPECT_EQ(shutdown_->quiesce, std::chrono::seconds(3));
    EXPECT_FALSE(shutdown_->restart);
    EXPECT_FALSE(shutdown_->unregister);
}

TEST_F(Shutdown, UnderstandsItsParameters) {
    is_running_ = false;
    EXPECT_EQ(send(post("/shutdown?quiesce=5&restart=YES&essunregister=true", "root@acme")).status, 204);
    ASSERT_TRUE(shutdown_);
    EXPECT_EQ(shutdown_->quiesce, std::chrono::seconds(5));
    EXPECT_TRUE(shutdown_->restart);
    EXPECT_TRUE(shutdown_->unregister);
    EXPECT_EQ(send(post("/shutdown?quiesce=soon&restart=maybe", "root@acme")).status, 204);
    EXPECT_EQ(shutdown_->quiesce, std::chrono::seconds(3));
    EXPECT_FALSE(shutdown_->restart);
}

TEST_F(Shutdown, DoesNotHappenWithABadParameter) {
    EXPECT_EQ(send(post("/shutdown?essunregister=maybe", "root@acme")).status, 400);
    EXPECT_FALSE(shutdown_);
}

using CssResend = ApiTest;
TEST_F(CssResend, IsImpossible) {
    const Answer answer = send(post("/resend", "alice@acme"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Failed to send resend objects request. Error: CSS can't request to resend objects\n");
}

using EssResend = EssApiTest;
TEST_F(EssResend, IsRequested) {
    EXPECT_EQ(send(post("/resend", "alice@acme")).status, 204);
    EXPECT_EQ(send({.method = "PUT", .target = "/resend", .key = "bob@acme"}).status, 204);
    EXPECT_EQ(send(post("/resend", "root@x")).status, 204);
    EXPECT_EQ(resend_requests_, 3);
    for (const char* key : {"", "alice@other", "acme/eve", "node%acme", "acme$v$1.0$s"})
        EXPECT_EQ(send(post("/resend", key)).status, 403) << key;
    EXPECT_EQ(get("/resend").status, 405);
    EXPECT_EQ(get("/resend", "").status, 403);
    EXPECT_EQ(resend_requests_, 3);
}

using Health = ApiTest;

TEST_F(Health, IsReported) {
    const Answer answer = get("/health", "node%any");
    EXPECT_EQ(answer.status, 200);
    const auto report = nlohmann::json::parse(answer.body);
    EXPECT_EQ(report["general"], (nlohmann::json{{"nodeType", "CSS"}, {"healthStatus", "green"}, {"upTime", 5}}));
    EXPECT_EQ(report["dbHealth"]["dbStatus"], "green");
    EXPECT_FALSE(report.contains("usage"));
    EXPECT_FALSE(report.contains("mqttHealth"));
}

TEST_F(Health, CountsOnRequest) {
    add_node("camera", "cam7");
    publish("model", "m1");
    receive("model", "m2", ObjectStatus::CompletelyReceived);
    const auto report = nlohmann::json::parse(get("/health?details=true").body);
    EXPECT_EQ(report["usage"], (nlohmann::json{{"clientRequests", 2}, {"registeredESS", 1}, {"storedObjects", 1}}));
}

TEST_F(Health, IsRedForWhoeverAsksWhileTheStoreIsAway) {
    store_->reads_fail = ErrorKind::NotConnected;
    for (const char* key : {"alice@acme", "bob@acme", "node%acme", "root@x"}) {
        for (const char* target : {"/health", "/health?details=true"}) {
            const Answer answer = get(target, key);
            ASSERT_EQ(answer.status, 200) << key << " " << target << " " << answer.body;
            const auto report = nlohmann::json::parse(answer.body);
            EXPECT_EQ(report["general"]["healthStatus"], "red") << key;
            EXPECT_EQ(report["dbHealth"]["disconnectedFromDB"], true) << key;
        }
    }
    EXPECT_EQ(send(post("/shutdown", "bob@acme")).status, 403) << "whom it is not for learns that, too";
    EXPECT_EQ(get("/objects/acme/model/m1", "bob@acme").status, 503);
    EXPECT_EQ(send({.method = "PUT", .target = "/health", .body = std::string(100'000, 'x'), .key = "bob@acme"}).status, 405);
}

TEST_F(Health, SaysWhatIsWrongToThoseAloneWhoAdministerTheWholeNode) {
    store_->reads_fail = ErrorKind::NotConnected;
    const auto is_told = [this](const char* key) { return get("/health", key).body.find("10.0.0.7 is away") != std::string::npos; };
    node_.self.org = "";  // A CSS of several organizations: "acme" must not learn of the broker of another.
    EXPECT_FALSE(is_told("alice@acme"));
    EXPECT_FALSE(is_told("bob@acme"));
    EXPECT_TRUE(is_told("root@x"));
    node_.self.org = "acme";
    EXPECT_TRUE(is_told("alice@acme"));
    EXPECT_FALSE(is_told("bob@acme"));
    EXPECT_FALSE(is_told("node%acme"));
    EXPECT_TRUE(is_told("root@x"));
}

TEST_F(Health, IsYellowWhileDataCannotBeReadToSendIt) {
    unsendable_objects_ = 3;
    const auto report = nlohmann::json::parse(get("/health").body);
    EXPECT_EQ(report["general"]["healthStatus"], "yellow");
    EXPECT_EQ(report["dbHealth"]["dbStatus"], "green");
    EXPECT_EQ(report["problems"],
              nlohmann::json::array({"Objects of this node whose data cannot be read to send it: 3; the log names them"}));
    unsendable_objects_ = 0;
    EXPECT_FALSE(nlohmann::json::parse(get("/health").body).contains("problems"));
}

TEST_F(Health, RefusesOtherMethodsAndBadParameters) {
    EXPECT_EQ(send(post("/health", "alice@acme")).status, 405);
    EXPECT_EQ(get("/health?details=maybe", "").status, 400);
    EXPECT_EQ(get("/health", "").status, 403);
    EXPECT_EQ(get("/health", "acme/camera/cam7").status, 403);
    EXPECT_EQ(send({.method = "HEAD", .target = "/health"}).status, 200);
}

}  // namespace
}  // namespace edgesync::api
