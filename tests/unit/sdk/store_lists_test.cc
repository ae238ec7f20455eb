#include "edgesync/sdk/store_lists.h"

#include <gtest/gtest.h>

namespace edgesync {
namespace {

ObjectRecord object_to(const std::string& type, const std::string& id, std::optional<std::vector<std::string>> list = std::nullopt) {
    ObjectRecord record;
    record.meta.org = "org";
    record.meta.destination_type = type;
    record.meta.destination_id = id;
    record.meta.destinations_list = std::move(list);
    return record;
}

bool reaches(const ObjectRecord& record, const NodeKey& node) {
    for (const NodeKey& address : addresses_of(record)) {
        for (const NodeKey& one : addresses_reaching(node)) {
            if (one == address) return true;
        }
    }
    return false;
}

TEST(StoreLists, AnObjectReachesTheNodesThatItAddressesAndNoOthers) {
    const NodeKey cam1{"org", "camera", "cam1"};
    const NodeKey cam2{"org", "camera", "cam2"};
    const NodeKey lamp1{"org", "lamp", "cam1"};
    struct Row {
        ObjectRecord object;
        bool to_cam1, to_cam2, to_lamp1;
    };
    const std::vector<Row> rows = {
        {object_to("", ""), true, true, true},
        {object_to("camera", ""), true, true, false},
        {object_to("camera", "cam1"), true, false, false},
        {object_to("", "cam1"), true, false, true},
        {object_to("", "", std::vector<std::string>{"camera:cam2", "lamp:cam1"}), false, true, true},
        {object_to("lamp", "", std::vector<std::string>{"camera:cam2"}), false, true, true},
        {object_to("", "", std::vector<std::string>{}), true, true, true},
        {object_to("", "", std::vector<std::string>{"nobody"}), false, false, false},
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(reaches(rows[i].object, cam1), rows[i].to_cam1) << i;
        EXPECT_EQ(reaches(rows[i].object, cam2), rows[i].to_cam2) << i;
        EXPECT_EQ(reaches(rows[i].object, lamp1), rows[i].to_lamp1) << i;
        EXPECT_FALSE(reaches(rows[i].object, {"other", "camera", "cam1"})) << i;
    }
}

TEST(StoreLists, AReceivedObjectAndOneWithAPolicyAddressNobody) {
    ObjectRecord record = object_to("", "");
    record.side = Side::Receiver;
    EXPECT_TRUE(addresses_of(record).empty());
    record.side = Side::Sender;
    record.meta.destination_policy.emplace();
    EXPECT_TRUE(addresses_of(record).empty());
}

}  // namespace
}  // namespace edgesync
