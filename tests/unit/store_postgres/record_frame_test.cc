#include "plugins/store-postgres/record_frame.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/codec.h"

namespace edgesync::postgres {
namespace {

const std::vector<NodeKey>& nodes() {
    static const std::vector<NodeKey> all = {{"acme", "camera", "cam1"},
                                             {"", "", ""},
                                             {std::string(127, 'o'), std::string(128, 't'), std::string(1024, 'i')},
                                             {"\u00fc", std::string("a\0b", 3), "\u4e2d"}};
    return all;
}

TEST(RecordFrame, AFrameWithANameIsTheRecordOfThatNode) {
    for (const NodeKey& node : nodes()) {
        DeliveryRecord delivery{{"acme", "model", std::string(300, 'm')}, node, DeliveryStatus::Delivering, "message"};
        NotificationRecord notification;
        notification.object = delivery.object;
        notification.peer = node;
        notification.status = NotificationStatus::DeletePending;
        notification.instance_id = INT64_MAX;
        notification.data_id = 1;
        notification.resend_at = TimePoint(std::chrono::nanoseconds(-5));
        const RecordFrame of_delivery = frame_of(delivery);
        const RecordFrame of_notification = frame_of(notification);
        EXPECT_EQ(of_delivery.before + name_in_records(node) + of_delivery.after, codec::encode(delivery)) << node.id;
        EXPECT_EQ(of_notification.before + name_in_records(node) + of_notification.after, codec::encode(notification)) << node.id;
    }
}

TEST(RecordFrame, ANameIsReadBack) {
    for (const NodeKey& node : nodes()) EXPECT_EQ(node_named(name_in_records(node)), node) << node.id;
    EXPECT_THROW(node_named("\x05"), Error);
}

}  // namespace
}  // namespace edgesync::postgres
