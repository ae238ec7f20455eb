// Which file belongs to which received object, and when nobody needs it any more.
#include "kernel/addressing/data_file.h"

#include <gmock/gmock.h>

#include "kernel/files/data_uri.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using addressing::UnusedFile;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kX[] = "file:///data/x";
constexpr char kY[] = "file:///data/y";

class EdgeDataFile : public testing::EdgeRuleTest {
protected:
    Metadata version(InstanceId instance, const std::string& uri, const std::string& id = "m1") {
        Metadata meta = metadata(id);
        meta.instance_id = instance;
        meta.data_id = instance;
        meta.object_size = 5;
        meta.destination_data_uri = uri;
        return meta;
    }
    /// As a transfer ends: the file is claimed and written, then the data is complete.
    void complete_in_file(const Metadata& meta) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            const auto object = txn.object({"acme", "model", meta.object_id});
            const std::string path = files::path_of_uri(object->meta.destination_data_uri);
            addressing::claim_file(txn, *object, path);
            addressing::mark_written(txn, path);
        });
        delivery::ReceivedData data;
        data.is_in_file = true;
        data.size = 5;
        EXPECT_TRUE(in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::complete_data(context_, txn, {"acme", "model", meta.object_id}, meta.instance_id, data, effects);
        }));
    }
    void receive_whole(const Metadata& meta) {
        EXPECT_EQ(receive(context_.cloud(), Command::Update, meta).verdict, Verdict::Accepted);
        complete_in_file(meta);
    }
    bool is_in_file(const std::string& id) {
        bool is = false;
        store_->read([&](ReadTransaction& txn) { is = addressing::is_in_file(txn, *txn.object({"acme", "model", id})); });
        return is;
    }
    std::vector<UnusedFile> unused() {
        std::vector<UnusedFile> files;
        store_->read([&](ReadTransaction& txn) { files = addressing::unused_files(txn, "", 100).items; });
        return files;
    }
    static UnusedFile of(const std::string& uri, const std::string& id = "m1") { return {{"acme", "model", id}, uri}; }
};

TEST_F(EdgeDataFile, HoldsTheDataInsteadOfTheStore) {
    receive_whole(version(11, kX));
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    EXPECT_FALSE(object("m1")->data);
    EXPECT_TRUE(is_in_file("m1"));
    EXPECT_EQ(notification_status("m1", context_.cloud()), NotificationStatus::Received);
}

TEST_F(EdgeDataFile, IsUnusedWhenItsObjectIsDeletedOrConsumed) {
    receive_whole(version(11, kX));
    receive(context_.cloud(), Command::Delete, version(11, kX));
    EXPECT_THAT(unused(), ElementsAre(of(kX)));
    EXPECT_TRUE(effects_.has_unused_files);

    receive_whole(version(12, kY, "m2"));
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::mark_consumed(context_, txn, {"acme", "model", "m2"}, effects);
    });
    EXPECT_THAT(unused(), ElementsAre(of(kX))) << "the origin must know first";
    receive(context_.cloud(), Command::AckConsumed, version(12, kY, "m2"));
    EXPECT_THAT(unused(), ElementsAre(of(kX), of(kY, "m2")));
    EXPECT_TRUE(effects_.has_unused_files);
}

TEST_F(EdgeDataFile, IsKeptWhileANewVersionForItArrives) {
    receive_whole(version(11, kX));
    receive(context_.cloud(), Command::Update, version(12, kX));
    EXPECT_EQ(object("m1")->status, ObjectStatus::PartiallyReceived);
    EXPECT_FALSE(is_in_file("m1")) << "its octets are those of the old version";
    EXPECT_THAT(unused(), IsEmpty());
    receive(context_.cloud(), Command::Delete, version(12, kX));
    EXPECT_THAT(unused(), ElementsAre(of(kX))) << "the old version's file";
}

TEST_F(EdgeDataFile, IsUnusedWhenTheNewVersionHasItsDataElsewhere) {
    const std::vector<std::function<void(Metadata&)>> changes = {
        [](Metadata& meta) { meta.destination_data_uri = kY; },
        [](Metadata& meta) { meta.destination_data_uri.clear(); },
        [](Metadata& meta) { meta.no_data = true; },
        [](Metadata& meta) { meta.link = "http://x"; },
    };
    InstanceId instance = 10;
    for (const auto& change : changes) {
        receive_whole(version(++instance, kX));
        EXPECT_THAT(unused(), IsEmpty());
        Metadata meta = version(++instance, kX);
        change(meta);
        receive(context_.cloud(), Command::Update, meta);
        EXPECT_THAT(unused(), ElementsAre(of(kX)));
        EXPECT_TRUE(effects_.has_unused_files);
        in_transaction([&](WriteTransaction& txn, rules::Effects&) { addressing::forget_file(txn, of(kX)); });
    }
}

TEST_F(EdgeDataFile, IsKeptByAnUpdateOfMetadataAlone) {
    receive_whole(version(11, kX));
    Metadata meta = version(12, kX);
    meta.data_id = 11;
    meta.meta_only = true;
    receive(context_.cloud(), Command::Update, meta);
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    EXPECT_TRUE(is_in_file("m1"));
    EXPECT_THAT(unused(), IsEmpty());
    // The data is to be somewhere else: it is fetched again.
    meta.instance_id = 13;
    meta.destination_data_uri = kY;
    receive(context_.cloud(), Command::Update, meta);
    EXPECT_EQ(object("m1")->status, ObjectStatus::PartiallyReceived);
}

TEST_F(EdgeDataFile, BelongsToTheObjectThatWroteItLast) {
    receive_whole(version(11, kX));
    receive_whole(version(12, kX, "m2"));
    EXPECT_FALSE(is_in_file("m1")) << "its octets are the other object's";
    EXPECT_TRUE(is_in_file("m2"));
    receive(context_.cloud(), Command::Delete, version(11, kX));
    EXPECT_THAT(unused(), IsEmpty()) << "it is the other object's now";
    receive(context_.cloud(), Command::Delete, version(12, kX, "m2"));
    EXPECT_THAT(unused(), ElementsAre(of(kX, "m2")));
    receive_whole(version(13, kX, "m3"));
    EXPECT_THAT(unused(), IsEmpty()) << "claimed again before it was removed";
}

TEST_F(EdgeDataFile, ThatWasNeverWrittenIsNotTouched) {
    receive(context_.cloud(), Command::Update, version(11, kX));
    receive(context_.cloud(), Command::Delete, version(11, kX));
    EXPECT_THAT(unused(), IsEmpty());
    Metadata meta = version(12, "");
    receive(context_.cloud(), Command::Update, meta);
    EXPECT_TRUE(complete("m1", 12, "hello"));
    receive(context_.cloud(), Command::Delete, meta);
    EXPECT_THAT(unused(), IsEmpty());
}

TEST_F(EdgeDataFile, OfAPartialObjectIsUnusedAfterANewRegistration) {
    receive_whole(version(11, kX));
    receive(context_.cloud(), Command::Update, version(12, kX));
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::forget_exchange(context_, txn, effects); });
    EXPECT_FALSE(object("m1"));
    EXPECT_THAT(unused(), ElementsAre(of(kX)));
}

TEST_F(EdgeDataFile, OfObjectsDataPathIsNamedInTheMetadataOfThisNodeOnly) {
    context_.objects_data_path = "/objects/";
    receive_whole(version(11, ""));
    EXPECT_EQ(object("m1")->meta.destination_data_uri, "file:///objects/acme~model~m1");
    EXPECT_TRUE(is_in_file("m1"));
    std::optional<Message> received;
    store_->read([&](ReadTransaction& txn) { received = delivery::message_of(context_, txn, *notification("m1", context_.cloud())); });
    ASSERT_TRUE(received);
    EXPECT_EQ(received->meta.destination_data_uri, "");
    receive(context_.cloud(), Command::Update, version(12, ""));
    EXPECT_THAT(unused(), IsEmpty());
    receive(context_.cloud(), Command::Update, version(13, kX));
    EXPECT_EQ(object("m1")->meta.destination_data_uri, kX) << "what the CSS says counts";
    EXPECT_THAT(unused(), ElementsAre(of("file:///objects/acme~model~m1")));
    Metadata without = version(14, "");
    without.no_data = true;
    receive(context_.cloud(), Command::Update, without);
    EXPECT_EQ(object("m1")->meta.destination_data_uri, "");
}

class CloudDataFile : public testing::RuleTest {};

TEST_F(CloudDataFile, IsNeverChosenByANode) {
    register_node(cam1_);
    Metadata meta = metadata("m1");
    meta.instance_id = meta.data_id = 11;
    meta.object_size = 5;
    meta.destination_data_uri = "file:///etc/x";
    EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Accepted);
    EXPECT_EQ(object("m1")->meta.destination_data_uri, "");
    context_.objects_data_path = "/objects/";
    meta.instance_id = meta.data_id = 12;
    EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Accepted);
    EXPECT_EQ(object("m1")->meta.destination_data_uri, "file:///objects/acme~model~m1");
}

}  // namespace
}  // namespace edgesync
