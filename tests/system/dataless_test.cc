// Objects whose data is not to be transferred: there is none (noData), it is elsewhere (link), or the receiver has it (metaOnly).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/system/cluster.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

constexpr char kLink[] = "https://example.invalid/model.bin";
constexpr std::size_t kSize = 5'000'000;
/// What messages without data take at most.
constexpr long long kLittle = 1'000'000;

class Dataless : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        line_ = std::make_unique<Proxy>(css_->port());
        cam1_ = make_ess(folder_.path(), "cam1", line_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }

    static std::string path_on_css(const std::string& id) { return "objects/acme/model/" + id; }
    static std::string path_on_edge(const std::string& id) { return "objects/model/" + id; }
    static Answer put_meta(const Node& node, const std::string& path, const std::string& id, Json meta) {
        meta["objectID"] = id;
        meta["objectType"] = "model";
        return node.request("PUT", path, Json{{"meta", meta}}.dump());
    }
    Answer put_on_css(const std::string& id, Json meta) const {
        meta["destinationType"] = "camera";
        return put_meta(*css_, path_on_css(id), id, std::move(meta));
    }
    Answer put_on_edge(const std::string& id, Json meta) const { return put_meta(*cam1_, path_on_edge(id), id, std::move(meta)); }

    /// An item of the metadata as text; "" when the object is not there.
    static std::string item(const Node& node, const std::string& path, const char* name) {
        const Answer answer = node.request("GET", path);
        return answer.status == 200 ? Json::parse(answer.body)[name].get<std::string>() : "";
    }
    bool is_on_edge(const std::string& id, const char* name, const std::string& value) const {
        return eventually(
            [&] { return item(*cam1_, path_on_edge(id), name) == value && edge_status(*cam1_, "model", id) == "completelyReceived"; });
    }
    bool is_on_css(const std::string& id, const char* name, const std::string& value) const {
        return eventually(
            [&] { return item(*css_, path_on_css(id), name) == value && status(*css_, "model", id) == "completelyReceived"; });
    }
    bool is_delivered(const std::string& id) const {
        return eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; });
    }
    std::string data_on_edge(const std::string& id) const { return cam1_->request("GET", path_on_edge(id) + "/data").body; }
    std::string data_on_css(const std::string& id) const { return css_->request("GET", path_on_css(id) + "/data").body; }

    TemporaryFolder folder_;
    const std::string data_ = random_octets(kSize, 1);
    std::unique_ptr<Node> css_;
    std::unique_ptr<Proxy> line_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Dataless, ObjectsWithNoDataAreCompleteAtOnce) {
    ASSERT_EQ(put_on_css("down", {{"noData", true}, {"description", "first"}}).status, 204);
    EXPECT_EQ(status(*css_, "model", "down"), "ready");
    EXPECT_EQ(css_->request("PUT", path_on_css("down") + "/data", "x").status, 400);
    EXPECT_TRUE(is_on_edge("down", "description", "first"));
    EXPECT_TRUE(is_delivered("down"));
    EXPECT_EQ(cam1_->request("GET", path_on_edge("down") + "/data").status, 404);
    EXPECT_EQ(cam1_->request("PUT", path_on_edge("down") + "/consumed").status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "down") == "cam1=consumed"; }));

    ASSERT_EQ(put_on_edge("up", {{"noData", true}, {"description", "first"}}).status, 204);
    EXPECT_EQ(cam1_->request("PUT", path_on_edge("up") + "/data", "x").status, 400);
    EXPECT_TRUE(is_on_css("up", "description", "first"));
    EXPECT_EQ(css_->request("GET", path_on_css("up") + "/data").status, 404);
    EXPECT_EQ(css_->request("PUT", path_on_css("up") + "/consumed").status, 204);
    EXPECT_TRUE(eventually([&] { return edge_status(*cam1_, "model", "up") == "consumedByDest"; }));
}

TEST_F(Dataless, AnUpdateToNoDataTakesTheDataAway) {
    ASSERT_EQ(publish(*css_, "model", "down", R"({"destinationType":"camera"})", "old"), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "model", "up", "old"), 204);
    ASSERT_TRUE(is_delivered("down"));
    ASSERT_TRUE(eventually([&] { return status(*css_, "model", "up") == "completelyReceived"; }));
    ASSERT_EQ(put_on_css("down", {{"noData", true}, {"description", "empty"}}).status, 204);
    ASSERT_EQ(put_on_edge("up", {{"noData", true}, {"description", "empty"}}).status, 204);
    EXPECT_TRUE(is_on_edge("down", "description", "empty"));
    EXPECT_TRUE(is_on_css("up", "description", "empty"));
    for (const Node* node : {css_.get(), cam1_.get()}) {
        for (const char* id : {"down", "up"}) {
            const std::string path = node == css_.get() ? path_on_css(id) : path_on_edge(id);
            EXPECT_EQ(node->request("GET", path + "/data").status, 404) << path;
        }
    }
}

TEST_F(Dataless, ALinkIsHandedOnAndNotFollowed) {
    ASSERT_EQ(put_on_css("down", {{"link", kLink}}).status, 204);
    EXPECT_EQ(status(*css_, "model", "down"), "ready");
    EXPECT_TRUE(is_on_edge("down", "link", kLink));
    EXPECT_TRUE(is_delivered("down"));
    EXPECT_EQ(cam1_->request("GET", path_on_edge("down") + "/data").status, 404);
    ASSERT_EQ(put_on_edge("up", {{"link", kLink}}).status, 204);
    EXPECT_TRUE(is_on_css("up", "link", kLink));
    EXPECT_EQ(css_->request("GET", path_on_css("up") + "/data").status, 404);
    // Data beside the link stays where it is.
    const long long before = line_->forwarded();
    ASSERT_EQ(css_->request("PUT", path_on_css("down") + "/data", data_).status, 204);
    ASSERT_EQ(cam1_->request("PUT", path_on_edge("up") + "/data", data_).status, 204);
    ASSERT_EQ(put_on_css("last", {{"noData", true}, {"description", "after them"}}).status, 204);
    EXPECT_TRUE(is_on_edge("last", "description", "after them"));
    EXPECT_TRUE(is_delivered("down"));
    EXPECT_TRUE(is_on_css("up", "link", kLink));
    EXPECT_LT(line_->forwarded() - before, kLittle);
}

TEST_F(Dataless, AnUpdateOfTheMetadataAloneKeepsTheDataAndSendsNone) {
    ASSERT_EQ(publish(*css_, "model", "down", R"({"destinationType":"camera"})", data_), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "model", "up", data_), 204);
    ASSERT_TRUE(is_delivered("down"));
    ASSERT_TRUE(is_on_css("up", "description", ""));
    const long long before = line_->forwarded();
    for (const char* text : {"second", "third"}) {
        ASSERT_EQ(put_on_css("down", {{"metaOnly", true}, {"description", text}}).status, 204);
        EXPECT_EQ(status(*css_, "model", "down"), "ready");
        EXPECT_TRUE(is_on_edge("down", "description", text));
        EXPECT_TRUE(is_delivered("down"));
        ASSERT_EQ(put_on_edge("up", {{"metaOnly", true}, {"description", text}}).status, 204);
        EXPECT_TRUE(is_on_css("up", "description", text));
    }
    EXPECT_LT(line_->forwarded() - before, kLittle);
    EXPECT_TRUE(data_on_edge("down") == data_);
    EXPECT_TRUE(data_on_css("down") == data_);
    EXPECT_TRUE(data_on_css("up") == data_);
    EXPECT_TRUE(data_on_edge("up") == data_);
    const Json with_data = {{"meta", {{"objectID", "down"}, {"objectType", "model"}, {"metaOnly", true}}}, {"data", "eA=="}};
    EXPECT_EQ(css_->request("PUT", path_on_css("down"), with_data.dump()).status, 400);
    // New data goes over as ever.
    ASSERT_EQ(css_->request("PUT", path_on_css("down") + "/data", "new").status, 204);
    ASSERT_EQ(cam1_->request("PUT", path_on_edge("up") + "/data", "new").status, 204);
    EXPECT_TRUE(eventually([&] { return data_on_edge("down") == "new"; }));
    EXPECT_TRUE(eventually([&] { return data_on_css("up") == "new"; })) << edge_status(*cam1_, "model", "up");
}

TEST_F(Dataless, WhoNeverHadTheDataGetsItInSpiteOfMetaOnly) {
    line_->cut();
    ASSERT_EQ(publish(*css_, "model", "down", R"({"destinationType":"camera"})", data_), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "model", "up", data_), 204);
    ASSERT_EQ(put_on_css("down", {{"metaOnly", true}, {"description", "second"}}).status, 204);
    ASSERT_EQ(put_on_edge("up", {{"metaOnly", true}, {"description", "second"}}).status, 204);
    line_->restore();
    EXPECT_TRUE(is_on_edge("down", "description", "second")) << edge_status(*cam1_, "model", "down");
    EXPECT_TRUE(data_on_edge("down") == data_);
    EXPECT_TRUE(is_on_css("up", "description", "second")) << status(*css_, "model", "up");
    EXPECT_TRUE(data_on_css("up") == data_);
    EXPECT_TRUE(is_delivered("down"));
}

TEST_F(Dataless, ACssThatLostTheDataGetsItAgainInSpiteOfMetaOnly) {
    ASSERT_EQ(publish_on_edge(*cam1_, "model", "up", data_), 204);
    ASSERT_TRUE(is_on_css("up", "description", ""));
    ASSERT_EQ(put_on_edge("up", {{"metaOnly", true}, {"description", "second"}}).status, 204);
    ASSERT_TRUE(is_on_css("up", "description", "second"));
    css_->kill_hard();
    std::filesystem::remove_all(css_->root());
    css_->start();
    EXPECT_TRUE(is_on_css("up", "description", "second")) << status(*css_, "model", "up");
    EXPECT_TRUE(data_on_css("up") == data_);
}

}  // namespace
}  // namespace edgesync::system_test
