// How objects and nodes end: autodelete, expiration, activation, deletion, silent and leaving nodes.
#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/system/cluster.h"
#include "tests/system/database.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

std::string in_seconds(int amount) { return time_text(std::time(nullptr) + amount); }

class LifeCycle : public ::testing::Test {
protected:
    void start(std::vector<std::string> css_lines = {}, std::vector<std::string> ess_lines = {}) {
        css_lines.insert(css_lines.end(), {"StorageMaintenanceInterval 1", "ObjectActivationInterval 1"});
        ess_lines.emplace_back("ObjectActivationInterval 1");
        css_ = make_css(folder_.path(), css_lines);
        if (has_clock() && !database::is_there()) css_->shift_clock(seconds(0));
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", css_->port(), ess_lines);
        cam2_ = make_ess(folder_.path(), "cam2", css_->port(), ess_lines);
        if (has_clock()) cam1_->shift_clock(seconds(0));
        cam1_->start();
        cam2_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    }
    void TearDown() override {
        css_.reset();
        if (database::has_clock()) database::shift_clock(seconds(0));
    }
    /// Whose clock counts must be movable.
    static bool has_clock() { return kCanShiftClocks && (!database::is_there() || database::has_clock()); }
    /// As if `ahead` had passed since the first start.
    void restart_css_later(seconds ahead) {
        css_->kill_hard();
        database::is_there() ? database::shift_clock(ahead) : css_->shift_clock(ahead);
        css_->start();
    }
    /// Seconds from now to what a test publishes for later: no step before takes that long. Where no clock can be moved the test waits.
    static int later() { return has_clock() ? 600 : 20; }
    /// As if it were so many seconds later, on the CSS and the first node.
    void let_pass(int amount) const {
        if (!has_clock()) return;
        const seconds ahead(amount);
        database::is_there() ? database::shift_clock(ahead) : css_->shift_clock(ahead);
        cam1_->shift_clock(ahead);
    }
    static bool soon(const std::function<bool()>& condition) { return eventually(condition); }
    bool is_delivered(const std::string& id, const std::string& expected) const {
        return soon([&] { return deliveries(*css_, "model", id) == expected; });
    }
    bool becomes(const Node& ess, const std::string& id, const std::string& expected) const {
        return soon([&] { return edge_status(ess, "model", id) == expected; });
    }
    bool is_gone(const std::string& id) const {
        return soon([&] { return css_->request("GET", "objects/acme/model/" + id).status == 404; });
    }
    std::string expiration(const std::string& id) const {
        const Answer answer = css_->request("GET", "objects/acme/model/" + id);
        return answer.status == 200 ? Json::parse(answer.body)["expiration"].get<std::string>() : "not there";
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
    std::unique_ptr<Node> cam2_;
};

TEST_F(LifeCycle, AutodeleteRemovesAnObjectOneHourAfterAllConsumedIt) {
    if (!has_clock()) GTEST_SKIP() << "a sanitizer must be the first library, and the database needs with-postgres --clock";
    start();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationsList":["camera:cam1","camera:cam2"],"autodelete":true})", "x"), 204);
    ASSERT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered"));
    EXPECT_EQ(cam1_->request("PUT", "objects/model/m/consumed").status, 204);
    ASSERT_TRUE(is_delivered("m", "cam1=consumed,cam2=delivered"));
    EXPECT_EQ(expiration("m"), "");
    const std::time_t before = std::time(nullptr);
    EXPECT_EQ(cam2_->request("PUT", "objects/model/m/consumed").status, 204);
    ASSERT_TRUE(is_delivered("m", "cam1=consumed,cam2=consumed"));
    const std::string expires = expiration("m");
    EXPECT_GE(expires, time_text(before + 3600, "")) << "one hour from now";
    EXPECT_LE(expires, time_text(std::time(nullptr) + 3602, ""));
    restart_css_later(std::chrono::minutes(50));
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m/data").body, "x");
    restart_css_later(std::chrono::minutes(61));
    EXPECT_TRUE(is_gone("m"));
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m/data").status, 404);
}

TEST_F(LifeCycle, AnExpiredObjectGoesOnTheCssAndStaysOnTheNodes) {
    start();
    ASSERT_EQ(publish(*css_, "model", "short", R"({"expiration":")" + in_seconds(later()) + "\"}", "x"), 204);
    // The same instant in another time zone, and an object whose data never came.
    const std::time_t now = std::time(nullptr);
    ASSERT_EQ(publish(*css_, "model", "zone", R"({"expiration":")" + time_text(now + later() + 7200, "+02:00") + "\"}", "x"), 204);
    const Json unfinished = {{"meta", {{"objectID", "unfinished"}, {"objectType", "model"}, {"expiration", in_seconds(later())}}}};
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/unfinished", unfinished.dump()).status, 204);
    ASSERT_EQ(publish(*css_, "model", "long", R"({"expiration":")" + in_seconds(3600) + "\"}", "x"), 204);
    ASSERT_TRUE(becomes(*cam1_, "short", "completelyReceived"));
    let_pass(later());
    for (const char* id : {"short", "zone", "unfinished"}) EXPECT_TRUE(is_gone(id)) << id;
    EXPECT_EQ(status(*css_, "model", "long"), "ready");
    EXPECT_EQ(cam1_->request("GET", "objects/model/short/data").body, "x");
    EXPECT_EQ(publish(*css_, "model", "past", R"({"expiration":"2001-01-01T00:00:00Z"})", "x"), 400);
}

TEST_F(LifeCycle, AnExpiredObjectGoesEverywhereWhenTheNodesAreToBeNotified) {
    start({"NotifyOnExpiration true"});
    ASSERT_EQ(publish(*css_, "model", "m", R"({"expiration":")" + in_seconds(later()) + "\"}", "x"), 204);
    ASSERT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered"));
    let_pass(later());
    EXPECT_TRUE(becomes(*cam1_, "m", "objdeleted"));
    EXPECT_TRUE(becomes(*cam2_, "m", "objdeleted"));
    EXPECT_TRUE(is_gone("m"));
}

TEST_F(LifeCycle, AnInactiveObjectIsDistributedAtItsTime) {
    start();
    const std::string at = in_seconds(later());
    const std::string earlier = in_seconds(later() / 2);
    const std::string inactive = R"("inactive":true,"activationTime":")";
    ASSERT_EQ(publish(*css_, "model", "earlier", "{" + inactive + earlier + "\"}", "x"), 204);
    ASSERT_EQ(publish(*css_, "model", "timed", "{" + inactive + at + "\"}", "x"), 204);
    ASSERT_EQ(publish(*css_, "model", "hours", "{" + inactive + in_seconds(7200) + "\"}", "x"), 204);
    ASSERT_EQ(publish(*css_, "model", "untimed", R"({"inactive":true})", "x"), 204);
    EXPECT_EQ(deliveries(*css_, "model", "timed"), "cam1=pending,cam2=pending");
    const Json waiting = {{"meta", {{"objectID", "no-data-yet"}, {"objectType", "model"}, {"inactive", true}, {"activationTime", at}}}};
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/no-data-yet", waiting.dump()).status, 204);
    // The sending side may also be an edge node.
    for (const auto& [id, time] : {std::pair{"r", at}, {"earlier", earlier}}) {
        const Json report = {{"meta", {{"objectID", id}, {"objectType", "report"}, {"inactive", true}, {"activationTime", time}}},
                             {"data", "eA=="}};
        ASSERT_EQ(cam1_->request("PUT", std::string("objects/report/") + id, report.dump()).status, 204);
    }

    // Once those have been distributed whose time is earlier, the others have been left where they are.
    let_pass(later() / 2);
    EXPECT_TRUE(is_delivered("earlier", "cam1=delivered,cam2=delivered"));
    EXPECT_TRUE(soon([&] { return css_->request("GET", "objects/acme/report/earlier/data").body == "x"; }));
    if (has_clock()) {
        EXPECT_EQ(deliveries(*css_, "model", "timed"), "cam1=pending,cam2=pending");
        EXPECT_EQ(css_->request("GET", "objects/acme/report/r").status, 404);
    }
    let_pass(later());
    EXPECT_TRUE(is_delivered("timed", "cam1=delivered,cam2=delivered"));
    EXPECT_TRUE(soon([&] { return css_->request("GET", "objects/acme/report/r/data").body == "x"; }));
    EXPECT_TRUE(has_clock() || time_text(std::time(nullptr)) >= at) << "not before its time";
    EXPECT_EQ(deliveries(*css_, "model", "hours"), "cam1=pending,cam2=pending");
    EXPECT_EQ(deliveries(*css_, "model", "untimed"), "cam1=pending,cam2=pending");
    EXPECT_EQ(deliveries(*css_, "model", "no-data-yet"), "cam1=pending,cam2=pending");
    EXPECT_TRUE(soon([&] {
        const Answer meta = css_->request("GET", "objects/acme/model/no-data-yet");
        return !Json::parse(meta.body)["inactive"].get<bool>();
    }));
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/no-data-yet/data", "late").status, 204);
    EXPECT_TRUE(is_delivered("no-data-yet", "cam1=delivered,cam2=delivered"));
    EXPECT_EQ(css_->request("PUT", "objects/acme/model/untimed/activate").status, 204);
    EXPECT_TRUE(is_delivered("untimed", "cam1=delivered,cam2=delivered"));
}

TEST_F(LifeCycle, ADeletionWaitsForANodeThatIsAway) {
    start();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"consumers":2})", "x"), 204);
    ASSERT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered"));
    cam2_->kill_hard();
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 204);
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m/data").status, 404);
    ASSERT_TRUE(becomes(*cam1_, "m", "objdeleted"));
    EXPECT_TRUE(is_delivered("m", "cam1=deleted,cam2=delivered")) << deliveries(*css_, "model", "m");
    EXPECT_EQ(status(*css_, "model", "m"), "objdeleted");
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 204) << "a second deletion changes nothing";
    EXPECT_EQ(status(*css_, "model", "m"), "objdeleted");
    css_->kill_hard();
    css_->start();
    cam2_->start();
    EXPECT_TRUE(becomes(*cam2_, "m", "objdeleted"));
    EXPECT_TRUE(is_gone("m"));
    // Every consumer of the node confirms; only then the node forgets the object.
    for (const Node* node : {cam1_.get(), cam2_.get()}) {
        EXPECT_EQ(node->request("PUT", "objects/model/m/deleted").status, 204);
        EXPECT_EQ(edge_status(*node, "model", "m"), "objdeleted");
        EXPECT_EQ(node->request("PUT", "objects/model/m/deleted").status, 204);
        EXPECT_TRUE(soon([&] { return node->request("GET", "objects/model/m").status == 404; }));
    }
}

TEST_F(LifeCycle, ANewVersionTakesThePlaceOfADeletedOne) {
    start();
    ASSERT_EQ(publish(*css_, "model", "m", "{}", "first"), 204);
    ASSERT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered"));
    cam2_->kill_hard();
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 204);
    ASSERT_TRUE(becomes(*cam1_, "m", "objdeleted"));
    ASSERT_EQ(publish(*css_, "model", "m", "{}", "second"), 204);
    cam2_->start();
    EXPECT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered")) << deliveries(*css_, "model", "m");
    EXPECT_EQ(cam1_->request("GET", "objects/model/m/data").body, "second");
    EXPECT_EQ(cam2_->request("GET", "objects/model/m/data").body, "second");
}

TEST_F(LifeCycle, AnObjectWithoutDestinationsIsDeletedAtOnce) {
    start();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"drone"})", "x"), 204);
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 204);
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m").status, 404);
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m").status, 404);
}

TEST_F(LifeCycle, ASilentNodeIsRemovedWithAllThatWaitsForItAndMayComeBack) {
    if (!has_clock()) GTEST_SKIP() << "a sanitizer must be the first library, and the database needs with-postgres --clock";
    start({"RemoveESSRegistrationTime 1"});
    ASSERT_EQ(publish(*css_, "model", "kept", R"({"destinationType":"camera"})", "x"), 204);
    ASSERT_EQ(publish(*css_, "model", "withdrawn", R"({"destinationType":"camera"})", "x"), 204);
    ASSERT_TRUE(is_delivered("kept", "cam1=delivered,cam2=delivered"));
    ASSERT_TRUE(is_delivered("withdrawn", "cam1=delivered,cam2=delivered"));
    cam2_->kill_hard();
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/withdrawn").status, 204);
    ASSERT_TRUE(is_delivered("withdrawn", "cam1=deleted,cam2=delivered"));
    restart_css_later(std::chrono::hours(23));
    EXPECT_TRUE(registered(*css_, 2));
    EXPECT_EQ(status(*css_, "model", "withdrawn"), "objdeleted");

    restart_css_later(std::chrono::hours(48));
    EXPECT_TRUE(is_gone("withdrawn")) << "nobody is left to wait for: " << deliveries(*css_, "model", "withdrawn");
    // A node that is alive registers again; its data is still good.
    EXPECT_TRUE(is_delivered("kept", "cam1=delivered")) << deliveries(*css_, "model", "kept");
    EXPECT_TRUE(registered(*css_, 1));
    cam2_->start();
    EXPECT_TRUE(is_delivered("kept", "cam1=delivered,cam2=delivered")) << deliveries(*css_, "model", "kept");
    EXPECT_EQ(cam2_->request("GET", "objects/model/kept/data").body, "x");
}

TEST_F(LifeCycle, ANodeThatUnregistersLeavesNothingBehind) {
    start();
    std::filesystem::create_directories(cam2_->root() / "sync");
    std::ofstream(cam2_->root() / "sync/dummy-auth.json") << R"({"syncAdmins":["root"]})";
    EXPECT_EQ(cam2_->terminate(), 0);
    cam2_->start();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    ASSERT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered"));
    EXPECT_EQ(call(cam2_->port(), "POST", "/api/v1/shutdown?quiesce=0&essunregister=true", "", {}, "root@acme").status, 204);
    EXPECT_EQ(cam2_->wait_for_end(), 0) << cam2_->output();
    EXPECT_TRUE(soon([&] { return registered(*css_, 1); }));
    EXPECT_TRUE(is_delivered("m", "cam1=delivered")) << deliveries(*css_, "model", "m");
    cam2_->start();
    EXPECT_TRUE(is_delivered("m", "cam1=delivered,cam2=delivered")) << "the erased node gets everything again";
    EXPECT_EQ(cam2_->request("GET", "objects/model/m/data").body, "x");
}

}  // namespace
}  // namespace edgesync::system_test
