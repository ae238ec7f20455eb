// What is removed by a list that a shared store read a moment before: whatever changed since then stays.
#include <gtest/gtest.h>

#include "kernel/delivery/registration.h"
#include "tests/conformance/broken/forwarding_transaction.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using std::chrono::hours;

/// Between its lists and what follows somebody else is at work.
class ListedBefore : public broken::ForwardingWrites {
public:
    ListedBefore(WriteTransaction& txn, std::function<void(WriteTransaction&)> somebody)
        : ForwardingWrites(txn), txn_(txn), somebody_(std::move(somebody)) {}

    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override {
        return and_then(ForwardingWrites::inactive_destinations(before, limit));
    }
    std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) override {
        return and_then(ForwardingWrites::staged_blobs(before, limit));
    }

private:
    template <typename List>
    List and_then(List list) {
        somebody_(txn_);
        return list;
    }

    WriteTransaction& txn_;
    std::function<void(WriteTransaction&)> somebody_;
};

class StaleLists : public testing::RuleTest {
protected:
    std::optional<DestinationRecord> node(const NodeKey& key) {
        std::optional<DestinationRecord> found;
        store_->read([&](ReadTransaction& txn) { found = txn.destination(key); });
        return found;
    }
    void remove_nodes(const std::function<void(WriteTransaction&)>& somebody) {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            ListedBefore stale(txn, somebody);
            delivery::remove_inactive(context_, stale, now_ - hours(24), 100, effects);
        });
    }
    void remove_uploads(const std::function<void(WriteTransaction&)>& somebody) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            ListedBefore stale(txn, somebody);
            objects::remove_abandoned_uploads(stale, now_ - hours(24), 100);
        });
    }
    /// An upload that began now; its blob.
    BlobId begin_upload(const std::string& id) {
        publish(metadata(id));
        BlobRecord blob;
        blob.id = store_->blobs().new_id();
        blob.owner = {"acme", "model", id};
        blob.total = 10;
        blob.created = now_;
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            auto object = txn.object(blob.owner);
            object->staged = blob.id;
            txn.put_blob(blob);
            txn.put_object(*object);
        });
        return blob.id;
    }
    bool has_blob(const BlobId& id) {
        bool has = false;
        store_->read([&](ReadTransaction& txn) { has = txn.blob(id).has_value(); });
        return has;
    }
};

TEST_F(StaleLists, ANodeThatCameBackStaysAndTheSilentOneGoes) {
    register_node(cam1_);
    register_node(cam2_);
    now_ += hours(48);
    remove_nodes([&](WriteTransaction& txn) { txn.put_destination({cam1_, "http", "1.0", now_, true}); });
    EXPECT_TRUE(node(cam1_));
    EXPECT_FALSE(node(cam2_));
}

TEST_F(StaleLists, ANodeThatLeftIsNotRemovedOnceMore) {
    register_node(cam1_);
    now_ += hours(48);
    remove_nodes([&](WriteTransaction& txn) { txn.erase_destination(cam1_); });
    in_transaction([&](WriteTransaction& txn, rules::Effects&) {
        EXPECT_TRUE(txn.claim_work(now_, std::chrono::seconds(1), 1).empty()) << "or what it has got since would go";
    });
}

TEST_F(StaleLists, AnUploadThatGoesOnStaysAndTheAbandonedOneGoes) {
    const BlobId running = begin_upload("running");
    const BlobId abandoned = begin_upload("abandoned");
    now_ += hours(48);
    remove_uploads([&](WriteTransaction& txn) {
        auto blob = txn.blob(running);
        blob->created = now_;
        txn.put_blob(*blob);
    });
    EXPECT_TRUE(has_blob(running));
    EXPECT_EQ(object("running")->staged, running);
    EXPECT_FALSE(has_blob(abandoned));
    EXPECT_FALSE(object("abandoned")->staged);
}

TEST_F(StaleLists, AnUploadThatWasReplacedTakesNothingWithIt) {
    const BlobId former = begin_upload("m");
    now_ += hours(48);
    BlobId later;
    remove_uploads([&](WriteTransaction& txn) {
        auto object = txn.object({"acme", "model", "m"});
        BlobRecord blob = *txn.blob(former);
        later = blob.id = store_->blobs().new_id();
        blob.created = now_;
        txn.put_blob(blob);
        object->staged = later;
        txn.put_object(*object);
        txn.erase_blob(former);
    });
    EXPECT_FALSE(has_blob(former));
    EXPECT_TRUE(has_blob(later));
    EXPECT_EQ(object("m")->staged, later);
}

}  // namespace
}  // namespace edgesync
