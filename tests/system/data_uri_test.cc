// Data in files outside the store: sent from them, received into them, and kept in step with their objects whatever ends the process.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class DataUri : public ::testing::Test {
protected:
    void start(std::vector<std::string> edge_lines = {}, std::vector<std::string> cloud_lines = {}) {
        css_ = make_css(folder_.path(), std::move(cloud_lines));
        css_->start();
        ess_ = make_ess(folder_.path(), "cam1", css_->port(), std::move(edge_lines));
        ess_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
        fs::create_directories(ess_->root() / "data");
    }
    std::string uri(const std::string& name) const { return "file://" + (ess_->root() / name).string(); }
    /// Sends the object to the file on the edge node.
    int send(const std::string& id, const std::string& name, const std::string& octets) const {
        const Json meta = {{"destinationType", "camera"}, {"destinationID", "cam1"}, {"destinationDataUri", uri(name)}};
        return publish(*css_, "model", id, meta.dump(), octets);
    }
    bool is_delivered(const std::string& id) const {
        return eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; });
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> ess_;
};

TEST_F(DataUri, AFileOfTheEdgeNodeReachesTheCloudAndStays) {
    start({"MaxDataChunkSize 1000000"});
    for (const std::size_t size : {std::size_t{5}, std::size_t{0}, std::size_t{3'500'000}}) {
        const std::string octets = random_octets(size, 7);
        std::ofstream(ess_->root() / "data/source.bin", std::ios::binary) << octets;
        const std::string id = "up" + std::to_string(size);
        const Json body = {{"meta", {{"objectID", id}, {"objectType", "model"}, {"sourceDataUri", uri("data/source.bin")}}}};
        ASSERT_EQ(ess_->request("PUT", "objects/model/" + id, body.dump()).status, 204);
        EXPECT_EQ(edge_status(*ess_, "model", id), "ready");
        ASSERT_TRUE(eventually([&] { return status(*css_, "model", id) == "completelyReceived"; })) << size << ess_->output();
        EXPECT_TRUE(css_->request("GET", "objects/acme/model/" + id + "/data").body == octets) << size;
        EXPECT_TRUE(ess_->request("GET", "objects/model/" + id + "/data").body == octets);
        EXPECT_EQ(ess_->request("DELETE", "objects/model/" + id).status, 204);
        EXPECT_TRUE(fs::exists(ess_->root() / "data/source.bin"));
    }
}

TEST_F(DataUri, AFileThatIsGoneBeforeItWasSentShowsInLogAndHealthUntilItIsBack) {
    start();
    css_->kill_hard();
    const fs::path file = ess_->root() / "data/source.bin";
    std::ofstream(file) << "octets";
    const Json body = {{"meta", {{"objectID", "up"}, {"objectType", "model"}, {"sourceDataUri", uri("data/source.bin")}}}};
    ASSERT_EQ(ess_->request("PUT", "objects/model/up", body.dump()).status, 204);
    fs::remove(file);
    css_->start();
    const auto health = [this] { return Json::parse(ess_->request("GET", "health").body); };
    // The line may be yellow before, because the CSS was away.
    ASSERT_TRUE(eventually([&] { return health().dump().find("cannot be read to send it: 1") != std::string::npos; }))
        << health() << ess_->output();
    EXPECT_EQ(health()["general"]["healthStatus"], "yellow");
    const std::string output = ess_->output();
    EXPECT_NE(output.find("The data of model/up cannot be sent: "), std::string::npos) << output;
    EXPECT_NE(output.find("data/source.bin"), std::string::npos) << output;
    EXPECT_EQ(edge_status(*ess_, "model", "up"), "ready");

    std::ofstream(file) << "octets";
    EXPECT_TRUE(eventually([&] { return status(*css_, "model", "up") == "completelyReceived"; })) << ess_->output();
    EXPECT_TRUE(eventually([&] { return health()["general"]["healthStatus"] == "green"; })) << health();
}

TEST_F(DataUri, DataFromTheCloudIsInItsFileIsReplacedAndGoesWithItsObject) {
    start();
    const fs::path file = ess_->root() / "data/model.bin";
    for (const std::size_t size : {std::size_t{5}, std::size_t{6'000'000}, std::size_t{0}, std::size_t{65'536}}) {
        const std::string octets = random_octets(size, 3);
        ASSERT_EQ(send("m1", "data/model.bin", octets), 204);
        ASSERT_TRUE(is_delivered("m1")) << size << ess_->output();
        EXPECT_TRUE(content(file) == octets) << size << ": it is there when the cloud hears of it";
        EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
        const Answer data = ess_->request("GET", "objects/model/m1/data");
        EXPECT_EQ(data.status, 200);
        EXPECT_TRUE(data.body == octets) << size;
    }
    EXPECT_EQ(ess_->request("PUT", "objects/model/m1/received").status, 204);
    EXPECT_EQ(ess_->request("GET", "objects/model/m1/data").status, 200);
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m1").status, 204);
    EXPECT_TRUE(eventually([&] { return edge_status(*ess_, "model", "m1") == "objdeleted"; }));
    EXPECT_TRUE(eventually([&] { return !fs::exists(file); }));
    EXPECT_TRUE(fs::is_empty(ess_->root() / "data"));
}

TEST_F(DataUri, TheCloudLearnsWhyAFileCannotBeWrittenAndSendsItWhenItCan) {
    start();
    const std::string octets = random_octets(100'000, 5);
    ASSERT_EQ(send("m1", "later/model.bin", octets), 204);
    ASSERT_EQ(send("m2", "sync/db/ess.mdb/data.mdb", octets), 204);
    ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", "m1") == "cam1=error"; }));
    // It is tried again, so the error is there for some time only.
    ASSERT_TRUE(eventually([&] {
        const Json delivery = Json::parse(css_->request("GET", "objects/acme/model/m2/destinations").body)[0];
        return delivery["status"] == "error" && delivery.value("message", "").find("reserved") != std::string::npos;
    })) << css_->request("GET", "objects/acme/model/m2/destinations").body;
    fs::create_directory(ess_->root() / "later");
    EXPECT_TRUE(is_delivered("m1"));
    EXPECT_TRUE(content(ess_->root() / "later/model.bin") == octets);
}

TEST_F(DataUri, AKilledNodeHasTheFileAfterItsNextStart) {
    start();
    const fs::path file = ess_->root() / "data/model.bin";
    for (unsigned round = 0; round < 6; ++round) {
        const std::string octets = random_octets(24'000'000, round);
        ASSERT_EQ(send("m1", "data/model.bin", octets), 204);
        // From before the first octet to after the last one.
        std::this_thread::sleep_for(std::chrono::milliseconds(40 * round));
        ess_->kill_hard();
        if (deliveries(*css_, "model", "m1") == "cam1=delivered") {
            EXPECT_TRUE(content(file) == octets) << "reported before it was there";
        }
        ess_->start();
        ASSERT_TRUE(is_delivered("m1")) << round << ess_->output();
        EXPECT_TRUE(content(file) == octets) << round;
        EXPECT_FALSE(fs::exists(file.string() + ".tmp")) << round;
    }
    ess_->kill_hard();
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m1").status, 204);
    ess_->start();
    EXPECT_TRUE(eventually([&] { return edge_status(*ess_, "model", "m1") == "objdeleted"; }));
    EXPECT_TRUE(eventually([&] { return !fs::exists(file); }));
}

TEST_F(DataUri, ObjectsDataPathHasAFileForEveryReceivedObject) {
    const fs::path objects = folder_.path() / "objects";
    start({"ObjectsDataPath " + objects.string()});
    for (const std::size_t size : {std::size_t{5}, std::size_t{300'000}}) {
        const std::string octets = random_octets(size, 9);
        ASSERT_EQ(publish(*css_, "model", "m1", R"({"destinationType":"camera"})", octets), 204);
        ASSERT_TRUE(is_delivered("m1"));
        EXPECT_TRUE(content(objects / "acme~model~m1") == octets);
        EXPECT_TRUE(ess_->request("GET", "objects/model/m1/data").body == octets);
    }
    const std::string place = "file://" + objects.string() + "/acme~model~m1";
    EXPECT_EQ(Json::parse(ess_->request("GET", "objects/model/m1").body)["destinationDataUri"], place);
    EXPECT_EQ(Json::parse(ess_->request("GET", "objects/model").body)[0]["destinationDataUri"], place);
    ess_->kill_hard();
    ess_->start();
    EXPECT_TRUE(ess_->request("GET", "objects/model/m1/data").body == random_octets(300'000, 9));
    EXPECT_EQ(ess_->request("PUT", "objects/model/m1/consumed").status, 204);
    EXPECT_TRUE(eventually([&] { return !fs::exists(objects / "acme~model~m1"); }));
}

TEST_F(DataUri, ObjectsDataPathOfACloudNodeHasTheFilesOfItsNodes) {
    const fs::path objects = folder_.path() / "objects";
    start({"MaxDataChunkSize 100000"}, {"ObjectsDataPath " + objects.string()});
    for (const std::size_t size : {std::size_t{5}, std::size_t{90'000}, std::size_t{350'000}}) {
        const std::string octets = random_octets(size, 11);
        ASSERT_EQ(publish_on_edge(*ess_, "model", "m1", octets), 204);
        ASSERT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/model/m1/data").body == octets; })) << size;
        EXPECT_TRUE(content(objects / "acme~model~m1") == octets) << size;
    }
    EXPECT_EQ(css_->request("DELETE", "objects/acme/model/m1").status, 204);
    EXPECT_TRUE(eventually([&] { return !fs::exists(objects / "acme~model~m1"); }));
}

}  // namespace
}  // namespace edgesync::system_test
