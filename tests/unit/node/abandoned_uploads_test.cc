// UploadStagingTimeout: chunked uploads that nobody continues.
#include <gmock/gmock.h>

#include "kernel/data/chunked_upload.h"
#include "kernel/node/maintenance.h"
#include "tests/unit/node/hand_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

using namespace std::chrono_literals;

class AbandonedUploads : public testing::RuleTest {
protected:
    void start(const std::string& timeout) {
        fakes::FakeSettings settings;
        settings.values = {{"UploadStagingTimeout", timeout},
                           {"ResendInterval", "7"},
                           {"ObjectActivationInterval", "8"},
                           {"StorageMaintenanceInterval", "9"},
                           {"RemoveESSRegistrationTime", "0"}};
        maintenance_ = std::make_unique<Maintenance>(context_, *operations_, scheduler_, log_, MaintenanceOptions::from(settings));
        maintenance_->start();
    }
    /// True: that was the last one.
    bool upload(const std::string& id, const std::string& octets, std::int64_t offset, std::int64_t total) {
        data::ChunkUpload::Target target;
        target.key = {"acme", "model", id};
        data::ChunkUpload chunk(context_, *operations_, digests_, std::move(target),
                                {offset, offset + static_cast<std::int64_t>(octets.size()), total});
        chunk.start();
        chunk.write(std::as_bytes(std::span(octets)));
        return chunk.finish();
    }
    /// Lets time pass; the maintenance runs at its end.
    void pass(std::chrono::seconds time, std::chrono::milliseconds interval) {
        now_ += time;
        EXPECT_EQ(scheduler_.run_due_after(interval), 1U);
        in_transaction([](WriteTransaction&, rules::Effects&) {});  // Behind what the maintenance submitted.
    }
    bool is_staged(const std::string& id) { return object(id)->staged.has_value(); }
    std::size_t staged_blobs() {
        std::size_t count = 0;
        store_->read([&](ReadTransaction& txn) { count = txn.staged_blobs(now_ + 1h, 100).size(); });
        return count;
    }

    HandScheduler scheduler_;
    data::UploadDigests digests_;
    std::unique_ptr<Maintenance> maintenance_;
};

TEST_F(AbandonedUploads, AreRemovedAfterTheConfiguredTimeAndRunningOnesAreKept) {
    start("100");
    for (const auto* id : {"abandoned", "running"}) {
        publish(metadata(id));
        EXPECT_FALSE(upload(id, "0123", 0, 10));
    }
    pass(60s, 100s);
    EXPECT_TRUE(is_staged("abandoned")) << "its time is not over";
    EXPECT_FALSE(upload("running", "456", 4, 10));
    pass(60s, 100s);
    EXPECT_FALSE(is_staged("abandoned"));
    EXPECT_TRUE(is_staged("running")) << "begun long ago, but its last octets are younger";
    EXPECT_EQ(staged_blobs(), 1U);
    EXPECT_TRUE(upload("running", "789", 7, 10));
    EXPECT_EQ(object("running")->status, ObjectStatus::Ready);
    EXPECT_EQ(object("abandoned")->status, ObjectStatus::NotReady);
}

TEST_F(AbandonedUploads, MayBeginAgain) {
    start("100");
    publish(metadata("m1"));
    EXPECT_FALSE(upload("m1", "0123", 0, 10));
    pass(101s, 100s);
    EXPECT_FALSE(upload("m1", "456789", 4, 10)) << "what came before is gone";
    EXPECT_TRUE(upload("m1", "0123", 0, 10));
    EXPECT_EQ(object("m1")->status, ObjectStatus::Ready);
}

TEST_F(AbandonedUploads, AreLookedForOncePerHourAtLeast) {
    start("86400");
    publish(metadata("m1"));
    EXPECT_FALSE(upload("m1", "0123", 0, 10));
    pass(23h, 1h);
    EXPECT_TRUE(is_staged("m1"));
    pass(2h, 1h);
    EXPECT_FALSE(is_staged("m1"));
}

}  // namespace
}  // namespace edgesync::node
