// Two CSS instances on one PostgreSQL database under load, while instances, connections and the disk fail: nothing that was acknowledged
// is lost, no status goes back, and nobody gets what is not for him. Runs inside tests/with-postgres.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/system/cluster.h"
#include "tests/system/database.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class InstancesFaults : public ::testing::Test {
protected:
    void SetUp() override {
        if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
        schema_ = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
    }
    void TearDown() override {
        is_running_ = false;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    std::unique_ptr<Node> instance(const std::string& name, std::vector<std::string> lines = {}) {
        for (const char* line : {"ResendInterval 1", "LeadershipTimeout 6", "StorageMaintenanceInterval 1"}) lines.emplace_back(line);
        return std::make_unique<Node>(folder_.path(), name, database_lines(schema_, std::move(lines)));
    }
    /// Two instances, a camera at each, and a sensor for which nothing is.
    void start_all() {
        for (const char* name : {"one", "two"}) {
            css_.push_back(instance(name));
            css_.back()->start();
        }
        edges_.push_back(make_ess(folder_.path(), "cam1", css_[0]->port()));
        edges_.push_back(make_ess(folder_.path(), "cam2", css_[1]->port()));
        edges_.push_back(make_ess(folder_.path(), "other", css_[1]->port(), {"DestinationType sensor"}));
        for (auto& edge : edges_) edge->start();
        ASSERT_TRUE(eventually([&] { return registered(*css_[0], 3); }))
            << edges_[0]->output() << edges_[1]->output() << edges_[2]->output() << css_[0]->output() << css_[1]->output();
    }
    /// Publishes at either instance until `stop_load`; remembers what was acknowledged.
    void start_load(int clients = 2) {
        for (int client = 0; client < clients; ++client) threads_.emplace_back([this, client] { publish_on(client); });
        threads_.emplace_back([this] { watch(); });
    }
    void stop_load() {
        is_running_ = false;
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }
    std::size_t acknowledged() {
        const std::lock_guard lock(mutex_);
        return acknowledged_number_;
    }
    void expect_everything_arrived() {
        ASSERT_FALSE(acknowledged_.empty());
        for (const auto& [id, value] : acknowledged_) {
            EXPECT_TRUE(eventually([&, key = id] { return deliveries(*css_[0], "model", key) == "cam1=delivered,cam2=delivered"; }, 60s))
                << id << ": " << deliveries(*css_[0], "model", id) << css_[0]->output();
            // A publish without an answer may have replaced what was acknowledged, and then all must have that.
            const std::string data = css_[1]->request("GET", "objects/acme/model/" + id + "/data").body;
            EXPECT_GE(std::atoi(data.c_str()), value) << id;
            for (std::size_t edge : {0U, 1U}) EXPECT_EQ(edges_[edge]->request("GET", "objects/model/" + id + "/data").body, data) << id;
            EXPECT_EQ(edges_[2]->request("GET", "objects/model/" + id + "/data").status, 404) << "nobody gets what is not for him";
        }
        EXPECT_EQ(went_back_, "");
    }

    std::string schema_;
    TemporaryFolder folder_;
    std::vector<std::unique_ptr<Node>> css_;
    std::vector<std::unique_ptr<Node>> edges_;

private:
    /// Each client has objects of its own, so it knows the order of its values.
    void publish_on(int client) {
        for (int value = 1; is_running_; ++value) {
            const std::string id = "m" + std::to_string(client) + "-" + std::to_string(value % 5);
            const Node& css = *css_[static_cast<std::size_t>(value / 3) % 2];
            const std::string body =
                R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera"},"data":")" + base64(value) + "\"}";
            if (css.request("PUT", "objects/acme/model/" + id, body).status != 204) {
                ::usleep(10000);  // An instance that is being started again refuses; so do not turn at full speed.
                continue;
            }
            const std::lock_guard lock(mutex_);
            acknowledged_[id] = value;
            ++acknowledged_number_;
        }
    }
    static std::string base64(int value) {
        std::array<char, 13> text{};
        std::snprintf(text.data(), text.size(), "%09d", value);
        static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::string out;
        for (std::size_t i = 0; i < 9; i += 3) {
            const unsigned bits = static_cast<unsigned>(text[i] << 16 | text[i + 1] << 8 | text[i + 2]);
            for (const unsigned shift : {18U, 12U, 6U, 0U}) out += kDigits[bits >> shift & 63U];
        }
        return out;
    }
    /// The status of one version at one node only goes on.
    void watch() {
        static const std::map<std::string, int> kRanks = {{"pending", 0}, {"delivering", 1}, {"delivered", 2}, {"consumed", 3}};
        std::map<std::string, std::pair<std::int64_t, int>> seen;
        for (int round = 0; is_running_; ++round) {
            const std::string id = "m0-" + std::to_string(round % 5);
            const Node& css = *css_[static_cast<std::size_t>(round) % 2];
            const auto version_of = [&] {
                const Answer answer = css.request("GET", "objects/acme/model/" + id);
                const auto json = nlohmann::json::parse(answer.body, nullptr, false);
                return answer.status == 200 && json.is_object() ? json.value("instanceID", std::int64_t{0}) : 0;
            };
            const std::int64_t before = version_of();
            const Answer answer = css.request("GET", "objects/acme/model/" + id + "/destinations");
            const auto list = nlohmann::json::parse(answer.body, nullptr, false);
            // Only what belongs to one version can be compared.
            if (before == 0 || answer.status != 200 || !list.is_array() || version_of() != before) continue;
            for (const auto& one : list) {
                auto& last = seen[id + one.value("destinationID", "")];
                const auto rank = kRanks.find(one.value("status", ""));
                if (rank == kRanks.end()) continue;
                if (last.first == before && rank->second < last.second) went_back_ += id + " at " + one.dump() + "; ";
                last = {before, rank->second};
            }
        }
    }

    std::atomic<bool> is_running_{true};
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::map<std::string, int> acknowledged_;  ///< The last value of each object.
    std::size_t acknowledged_number_ = 0;
    std::string went_back_;
};

TEST_F(InstancesFaults, AnInstanceThatIsKilledAtAnyMomentLosesNothing) {
    start_all();
    start_load();
    std::minstd_rand random(7);
    for (int kill = 0; kill < 6; ++kill) {
        const std::size_t before = acknowledged();
        ::usleep(static_cast<useconds_t>(random() % 500'000));  // Any moment is what is meant.
        Node& victim = *css_[static_cast<std::size_t>(kill) % 2];
        victim.kill_hard();
        victim.start();
        EXPECT_TRUE(eventually([&] { return acknowledged() > before; })) << "the other one goes on, and then both";
    }
    stop_load();
    expect_everything_arrived();
}

TEST_F(InstancesFaults, ConnectionsThatTheServerEndsAtAnyMomentLoseNothing) {
    start_all();
    start_load();
    const auto end = Clock::now() + 4s;
    int ended = 0;
    while (Clock::now() < end) {
        ended += database::run(
                     "SELECT 1 / count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE application_name ="
                     " 'edge-sync-service' ORDER BY random() LIMIT 2) AS victims")
                     ? 1
                     : 0;
    }
    EXPECT_GT(ended, 10);
    stop_load();
    expect_everything_arrived();
}

// The commit waits for a synchronous standby that does not exist; its connection is ended in that time, and all others stay.
TEST_F(InstancesFaults, ACommitWhoseAnswerIsLostStillWakesTheNodesOfItsInstance) {
    css_.push_back(instance("one"));
    css_[0]->start();
    const std::string name = "acme/camera/c1";
    const std::map<std::string, std::string> identity = {{"X-Sync-Service-Dest", name}};
    const std::string registration = "/spi/v1/register-new/" + name + "?persistent-storage=true";
    ASSERT_EQ(call(css_[0]->port(), "PUT", registration, "", identity, name).status, 204);
    const auto poll = [&] { return call(css_[0]->port(), "GET", "/spi/v1/objects/", "", identity, name).status; };
    EXPECT_EQ(poll(), 204) << "from now on it is known that nothing is pending";
    ASSERT_TRUE(database::run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'") && database::run("SELECT pg_reload_conf()"));
    const std::string body = R"({"meta":{"objectID":"m","objectType":"model","destinationType":"camera"},"data":"aGVsbG8="})";
    int status = 0;
    std::thread client([&] { status = css_[0]->request("PUT", "objects/acme/model/m", body).status; });
    // What else waits for the standby is let through; the publish needs some of it.
    const std::string waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ";
    const std::string others = "'reserve_ids|heartbeat|fold_counters|work'";
    EXPECT_TRUE(eventually([&] {
        database::run("SELECT pg_cancel_backend(pid) " + waiting + "~ " + others);
        return database::run("SELECT 1 / count(pg_terminate_backend(pid)) " + waiting + "!~ " + others);
    }));
    client.join();
    EXPECT_EQ(status, 503) << "nobody knows whether it is stored";
    EXPECT_TRUE(database::run("ALTER SYSTEM RESET synchronous_standby_names") && database::run("SELECT pg_reload_conf()"));
    EXPECT_TRUE(eventually([&] { return poll() == 200; }));
}

TEST_F(InstancesFaults, AServerThatStopsAtOnceUnderTwoInstancesLosesNothing) {
    start_all();
    start_load();
    EXPECT_TRUE(eventually([&] { return acknowledged() >= 5; }));
    database::stop_immediately();
    const auto status_at = [&](std::size_t css) { return publish(*css_[css], "model", "after", R"({"destinationType":"camera"})", "x"); };
    EXPECT_TRUE(eventually([&] { return status_at(0) == 503 && status_at(1) == 503; }));
    database::start();
    EXPECT_TRUE(eventually([&] { return status_at(0) == 204; }) && eventually([&] { return status_at(1) == 204; }));
    stop_load();
    expect_everything_arrived();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_[0], "model", "after") == "cam1=delivered,cam2=delivered"; }));
}

TEST_F(InstancesFaults, AnOrganizationThatIsRemovedWhileItsObjectsArriveLeavesNothing) {
    start_all();
    const std::string data = random_octets(300'000, 4);
    std::atomic<bool> is_arriving{true};
    std::atomic<int> arrived{0};
    std::vector<std::thread> clients;
    for (const auto& css : css_) {
        clients.emplace_back([&, port = css->port()] {
            for (int i = 0; is_arriving; ++i) {
                const std::string path = "/api/v1/objects/gone/model/m" + std::to_string(i);
                const std::string meta = R"({"meta":{"objectID":"m)" + std::to_string(i) + R"(","objectType":"model"}})";
                if (call(port, "PUT", path, meta, {}, "admin@gone").status != 204) continue;
                if (call(port, "PUT", path + "/data", data, {}, "admin@gone").status == 204) ++arrived;
            }
        });
    }
    EXPECT_TRUE(eventually([&] { return arrived >= 10; }));
    EXPECT_EQ(call(css_[1]->port(), "DELETE", "/api/v1/organizations/gone", "", {}, "admin@gone").status, 204);
    const int before = arrived;
    EXPECT_TRUE(eventually([&] { return arrived >= before + 10; })) << "an organization is also what its objects say";
    is_arriving = false;
    for (auto& client : clients) client.join();
    EXPECT_EQ(call(css_[0]->port(), "DELETE", "/api/v1/organizations/gone", "", {}, "admin@gone").status, 204);
    const auto is_empty = [&](const std::string& table, const std::string& condition) {
        return database::run("SELECT 1 / (count(*) = 0)::int FROM " + schema_ + "." + table + " WHERE " + condition);
    };
    for (const char* table : {"object", "address", "delivery", "notification", "destination", "entry"}) {
        const std::string key = table == std::string("address") ? "object_key" : "key";
        EXPECT_TRUE(eventually([&] { return is_empty(table, "position('gone'::bytea IN " + key + ") > 0"); })) << table;
    }
    // What a refused upload has staged goes after its answer.
    EXPECT_TRUE(eventually([&] { return is_empty("blob", "true"); }));
    EXPECT_TRUE(eventually([&] { return is_empty("octets", "doomed IS NULL"); }));
}

/// A folder of the server on a disk of its own that a test can fill.
class SmallDisk {
public:
    explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
        struct stat server {};
        ::stat((database::folder() + "/data").c_str(), &server);
        options_ = ",mode=0700,uid=" + std::to_string(server.st_uid);
        is_mounted_ = ::geteuid() == 0 && ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=32m" + options_).c_str()) == 0;
    }
    bool grow() const { return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, ("size=200m" + options_).c_str()) == 0; }
    ~SmallDisk() {
        if (is_mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    }
    bool is_mounted() const { return is_mounted_; }
    const std::filesystem::path& folder() const { return folder_; }

private:
    std::filesystem::path folder_;
    std::string options_;
    bool is_mounted_ = false;
};

TEST_F(InstancesFaults, AFullDiskOfTheDatabaseIsSaidAndPassesByItself) {
    const SmallDisk disk(database::folder() + "/small-" + schema_);
    if (!disk.is_mounted()) GTEST_SKIP() << "only root may mount the small disk that this test fills";
    ASSERT_TRUE(database::run("CREATE TABLESPACE small_" + schema_ + " LOCATION '" + disk.folder().string() + "'"));
    ASSERT_TRUE(database::run("CREATE SCHEMA " + schema_));
    ASSERT_TRUE(database::run("ALTER DATABASE postgres SET default_tablespace = small_" + schema_));
    css_.push_back(instance("one"));
    css_.push_back(instance("two"));
    css_[0]->start();
    ASSERT_TRUE(database::run("ALTER DATABASE postgres RESET default_tablespace"));
    css_[1]->start();
    const std::string data = random_octets(1'000'000, 3);
    std::vector<std::string> stored;
    int refused = 0;
    for (int i = 0; i < 60 && refused == 0; ++i) {
        const std::string id = "big" + std::to_string(i);
        const int status = publish(*css_[static_cast<std::size_t>(i) % 2], "model", id, R"({"destinationType":"camera"})", data);
        if (status == 204) stored.push_back(id);
        if (status != 204) refused = status;
    }
    EXPECT_EQ(refused, 500) << css_[0]->output();
    EXPECT_GT(stored.size(), 3U);
    const Answer health = css_[0]->request("GET", "health");
    EXPECT_NE((health.body + css_[0]->output() + css_[1]->output()).find("no space left"), std::string::npos) << health.body;
    for (const auto& id : stored) EXPECT_TRUE(css_[1]->request("GET", "objects/acme/model/" + id + "/data").body == data) << id;
    ASSERT_TRUE(disk.grow()) << "somebody makes space";
    for (const auto& css : css_) {
        EXPECT_TRUE(eventually([&] { return publish(*css, "model", "after", R"({"destinationType":"camera"})", data) == 204; }))
            << css->output();
    }
    for (const auto& css : css_) EXPECT_EQ(css->terminate(), 0);
    ASSERT_TRUE(database::run("DROP SCHEMA " + schema_ + " CASCADE"));
    ASSERT_TRUE(database::run("DROP TABLESPACE small_" + schema_));
}

}  // namespace
}  // namespace edgesync::system_test
