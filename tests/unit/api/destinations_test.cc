#include "api_fixture.h"

namespace edgesync::api {
namespace {

using Destinations = ApiTest;

TEST_F(Destinations, OfAnOrganizationAreListed) {
    EXPECT_EQ(get("/destinations/acme").status, 404);
    add_node("camera", "cam7");
    add_node("lamp", "l1");
    const std::string expected =
        R"([{"destinationOrgID":"acme","destinationType":"camera","destinationID":"cam7","communication":"http","codeVersion":"1.0"},)"
        R"({"destinationOrgID":"acme","destinationType":"lamp","destinationID":"l1","communication":"http","codeVersion":"1.0"}])";
    EXPECT_EQ(get("/destinations/acme").body, expected);
    EXPECT_EQ(get("/destinations/acme/", "bob@acme").body, expected);
    EXPECT_EQ(get("/destinations/acme", "root@x").body, expected);
}

TEST_F(Destinations, AreRefusedAsTheTableSays) {
    EXPECT_EQ(get("/destinations/acme", "alice@other").status, 403);
    EXPECT_EQ(get("/destinations/acme", "acme/camera/cam7").status, 403);
    EXPECT_EQ(send({.method = "POST", .target = "/destinations/acme"}).status, 405);
    EXPECT_EQ(send({.method = "POST", .target = "/destinations/acme", .key = ""}).status, 403);
    for (const char* target : {"/destinations", "/destinations/", "/destinations/acme/camera", "/destinations/acme/camera/cam7",
                               "/destinations/acme/camera/cam7/others", "/destinations/acme/camera/cam7/objects/x",
                               "/destinations/acme/cam%3Cera/cam7/objects"}) {
        EXPECT_EQ(get(target).status, 400) << target;
    }
}

TEST_F(Destinations, ShowWhatIsOnItsWayToThem) {
    const NodeKey node{"acme", "camera", "cam7"};
    const std::string target = "/destinations/acme/camera/cam7/objects";
    EXPECT_EQ(get(target).status, 404);
    const auto notify = [&](const char* id, NotificationStatus status) {
        in_store([&](WriteTransaction& txn) {
            NotificationRecord record;
            record.object = {"acme", "model", id};
            record.peer = node;
            record.status = status;
            txn.put_notification(record);
        });
    };
    notify("a", NotificationStatus::Delete);
    EXPECT_EQ(get(target).status, 404);
    notify("b", NotificationStatus::UpdatePending);
    notify("c", NotificationStatus::Data);
    notify("d", NotificationStatus::ReceivedByDest);
    notify("e", NotificationStatus::ConsumedByDest);
    notify("f", NotificationStatus::Error);
    std::string expected;
    for (const auto& [id, status] :
         {std::pair{"b", "delivering"}, {"c", "delivering"}, {"d", "delivered"}, {"e", "consumed"}, {"f", "error"}}) {
        expected += std::string(expected.empty() ? "[" : ",") + R"({"orgID":"acme","objectType":"model","objectID":")" + id +
                    R"(","status":")" + status + "\"}";
    }
    EXPECT_EQ(get(target).body, expected + "]");
    EXPECT_EQ(get(target + "/").status, 200);
}

using EssDestinations = EssApiTest;
TEST_F(EssDestinations, AreUnknown) {
    EXPECT_EQ(get("/destinations").status, 404);
    EXPECT_EQ(get("/destinations").body, "");
    EXPECT_EQ(get("/destinations", "").status, 403);
}

}  // namespace
}  // namespace edgesync::api
