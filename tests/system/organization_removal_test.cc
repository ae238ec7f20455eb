// An organization is removed at one of two CSS instances while applications and nodes of it go on at both. Runs inside tests/with-postgres.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/database.h"
#include "tests/system/instances_faults.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

/// In a record, in the database beside it, and in several pieces.
std::string data_of(unsigned number) {
    static const std::array<std::string, 3> kData = {random_octets(100, 1), random_octets(70'000, 2), random_octets(300'000, 3)};
    return kData[number % kData.size()];
}

/// An application that publishes at one instance until it shall stop, and counts what was acknowledged.
void publish_all(int port, const std::atomic<bool>& is_arriving, std::atomic<int>& arrived) {
    for (unsigned i = 0; is_arriving; ++i) {
        const std::string id = "m" + std::to_string(i);
        const std::string path = "/api/v1/objects/gone/model/" + id;
        const Json body = {{"meta", {{"objectID", id}, {"objectType", "model"}, {"destinationType", "camera"}}}};
        if (call(port, "PUT", path, body.dump(), {}, "admin@gone").status != 204) continue;
        if (call(port, "PUT", path + "/data", data_of(i), {}, "admin@gone").status == 204) ++arrived;
    }
}

/// A node that has no process, so that nothing of it is under way once this returns: it registers whenever it is not known, says that it
/// has received what it is told of, and sends reports.
class GoneNode {
public:
    GoneNode(int port, const std::string& id) : port_(port), id_(id), name_("gone/camera/" + id) {}

    void run(const std::atomic<bool>& is_arriving, std::atomic<int>& received, std::atomic<int>& reported) const {
        for (unsigned round = 0; is_arriving; ++round) {
            const Answer poll = call(port_, "GET", "/spi/v1/objects/", "", {{"X-Sync-Service-Dest", name_}}, name_);
            if (poll.status == 200) {
                received += take(Json::parse(poll.body));
            } else if (poll.status != 204) {
                put("register-new/" + name_ + "?persistent-storage=true", "");
            }
            if (report(id_ + "-" + std::to_string(round), data_of(round))) ++reported;
        }
    }

private:
    int put(const std::string& path, const std::string& body) const {
        return call(port_, "PUT", "/spi/v1/" + path, body, {{"X-Sync-Service-Dest", name_}}, name_).status;
    }
    /// How many were accepted.
    int take(const Json& items) const {
        int accepted = 0;
        for (const auto& item : items) {
            if (item["Type"] != "update") continue;
            const Json& meta = item["MetaData"];
            const std::string path = "objects/gone/model/" + meta["objectID"].get<std::string>() + "/" + meta["instanceID"].dump() + "/" +
                                     meta["dataID"].dump() + "/";
            put(path + "updated", "");
            if (put(path + "received", "") == 204) ++accepted;
        }
        return accepted;
    }
    bool report(const std::string& id, const std::string& data) const {
        const std::string path = "objects/gone/report/" + id + "/5/5/";
        const Json meta = {{"objectID", id},
                           {"objectType", "report"},
                           {"destinationOrgID", "gone"},
                           {"originType", "camera"},
                           {"originID", id_},
                           {"objectSize", data.size()},
                           {"chunkSize", data.size()},
                           {"instanceID", 5},
                           {"dataID", 5},
                           {"consumers", 1}};
        return put(path + "update", meta.dump()) == 204 && put(path + "data", data) == 204;
    }

    int port_;
    std::string id_;
    std::string name_;
};

TEST_F(InstancesFaults, AnOrganizationThatIsRemovedWhileItsObjectsArriveLeavesNothing) {
    make_instances();
    start_instances();
    std::atomic<bool> is_arriving{true};
    std::atomic<int> published{0};
    std::atomic<int> received{0};
    std::atomic<int> reported{0};
    std::vector<std::thread> threads;
    for (const auto& css : css_) {
        threads.emplace_back([&, port = css->port()] { publish_all(port, is_arriving, published); });
        threads.emplace_back(
            [&, port = css->port()] { GoneNode(port, "node" + std::to_string(port)).run(is_arriving, received, reported); });
    }
    const auto remove_at = [&](std::size_t css) {
        return call(css_[css]->port(), "DELETE", "/api/v1/organizations/gone", "", {}, "admin@gone").status;
    };
    for (const std::size_t css : {1U, 0U, 1U}) {
        const std::array<int, 3> before = {published, received, reported};
        EXPECT_TRUE(eventually([&] { return published >= before[0] + 10 && received >= before[1] + 10 && reported >= before[2] + 10; }))
            << published << " were published, " << received << " received and " << reported
            << " reported; an organization is also what its objects say";
        EXPECT_EQ(remove_at(css), 204);
    }
    is_arriving = false;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(remove_at(0), 204);
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
    EXPECT_TRUE(eventually([&] { return is_empty("chunk", "blob NOT IN (SELECT id FROM " + schema_ + ".octets)"); }));
}

}  // namespace
}  // namespace edgesync::system_test
