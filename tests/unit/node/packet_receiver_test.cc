// A CSS takes chunks that come as messages, one by one.
#include "kernel/node/packet_receiver.h"

#include <gmock/gmock.h>

#include <cstdint>

#include "kernel/data/digest.h"
#include "tests/unit/api/faulty_store.h"
#include "tests/unit/api/signer.h"
#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int32_t kIoError = 2;
constexpr std::int32_t kSecurityError = 3;

class PacketReceiver : public testing::PacketTest {
protected:
    PacketReceiver() {
        auto faulty = std::make_unique<api::FaultyStore>(std::move(store_));
        faulty_ = faulty.get();
        store_ = std::move(faulty);
        operations_ = std::make_unique<rules::Operations>(*store_, *this);
        register_node(cam1_, "mqtt");
    }

    void announce(const Metadata& meta) {
        const NodeKey origin{meta.org, meta.origin_type, meta.origin_id};
        ASSERT_EQ(receive(origin, Command::Update, meta).verdict, Verdict::Accepted);
    }
    /// 25 octets in chunks of 10, unless the test says otherwise.
    void announce(std::int64_t size = 25, InstanceId instance = 1, std::int32_t chunk = 10) {
        announce(brought_by(cam1_, "m1", instance, size, chunk));
    }

    DataRequest range(std::int64_t offset, std::size_t length, InstanceId instance = 1) const {
        DataRequest request;
        request.key = {"acme", "model", "m1"};
        request.instance_id = instance;
        request.offset = offset;
        request.length = static_cast<std::int64_t>(length);
        return request;
    }

    HandleResult take(const NodeKey& peer, const DataRequest& request, const std::string& octets) {
        const node::ReceptionParts parts{context_, *operations_, scheduler_, digests_, largest_object_, nullptr};
        const auto receiver = node::make_packet_receiver(parts, peer, request, announced_sha256_);
        HandleResult started = receiver->start();
        if (started.verdict != Verdict::Accepted) return started;
        if (between_) between_();
        if (!octets.empty()) receiver->write(std::as_bytes(std::span(octets)));
        const auto done = std::make_shared<std::promise<HandleResult>>();
        receiver->finish([done](HandleResult result) { done->set_value(std::move(result)); });
        auto result = done->get_future();
        if (result.wait_for(std::chrono::seconds(30)) == std::future_status::ready) return result.get();
        ADD_FAILURE() << "there is no verdict";
        return {};
    }
    HandleResult take(std::int64_t offset, const std::string& octets, InstanceId instance = 1) {
        return take(cam1_, range(offset, octets.size(), instance), octets);
    }

    static std::vector<std::int64_t> asked(const HandleResult& result) {
        std::vector<std::int64_t> offsets;
        for (const auto& reply : result.replies) {
            if (reply.command == Command::GetData) offsets.push_back(reply.offset);
        }
        return offsets;
    }

    static void expect_told(const HandleResult& result, std::int32_t code) {
        ASSERT_EQ(result.replies.size(), 1U) << result.reason;
        const Message& told = result.replies[0];
        EXPECT_EQ(told.command, Command::Feedback);
        EXPECT_EQ(told.feedback.code, code) << told.feedback.reason;
        EXPECT_FALSE(told.feedback.from_origin) << "the receiver says it";
        EXPECT_FALSE(told.feedback.reason.empty());
        EXPECT_EQ(told.meta.object_id, "m1");
        EXPECT_EQ(told.meta.origin_id, "cam1") << "a traditional node finds its record by its own name";
        EXPECT_EQ(told.meta.destination_id, "cam1");
        EXPECT_EQ(told.meta.instance_id, 1);
    }

    ObjectStatus status(const std::string& id = "m1") { return object(id)->status; }

    std::string octets_of(const ObjectKey& key) {
        std::string octets;
        store_->read([&](ReadTransaction& txn) {
            const auto reader = txn.open_blob(*txn.object(key)->data);
            octets.resize(static_cast<std::size_t>(reader->size()));
            reader->read(0, std::as_writable_bytes(std::span(octets)));
        });
        return octets;
    }

    api::FaultyStore* faulty_ = nullptr;
    data::UploadDigests digests_;
    std::int64_t largest_object_ = 0;
    std::string announced_sha256_;
    std::function<void()> between_;  ///< Between the begin of a chunk and its octets.
    const std::string ten_ = "0123456789";
};

TEST_F(PacketReceiver, EachChunkAsksForTheNextAndTheLastCompletesTheObject) {
    announce();
    EXPECT_THAT(asked(take(0, ten_)), ElementsAre(10));
    EXPECT_THAT(asked(take(10, ten_)), ElementsAre(20));
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
    const auto last = take(20, "abcde");
    EXPECT_EQ(last.verdict, Verdict::Accepted);
    EXPECT_THAT(last.replies, IsEmpty());
    EXPECT_EQ(status(), ObjectStatus::CompletelyReceived);
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), ten_ + ten_ + "abcde");
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::Received) << "which the node is then told";
}

TEST_F(PacketReceiver, AnyOrderWillDo) {
    context_.chunks_in_flight = 3;
    announce();
    EXPECT_EQ(take(20, "abcde").verdict, Verdict::Accepted);
    EXPECT_EQ(take(0, ten_).verdict, Verdict::Accepted);
    EXPECT_EQ(take(10, ten_).verdict, Verdict::Accepted);
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), ten_ + ten_ + "abcde");
}

TEST_F(PacketReceiver, AnObjectOfOneChunkNeedsNoOther) {
    announce(5);
    const auto result = take(0, "abcde");
    EXPECT_EQ(result.verdict, Verdict::Accepted);
    EXPECT_THAT(result.replies, IsEmpty());
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), "abcde");
}

TEST_F(PacketReceiver, AnEmptyObjectHasOneEmptyChunk) {
    announce(0);
    const auto result = take(0, "");
    EXPECT_EQ(result.verdict, Verdict::Accepted);
    EXPECT_THAT(result.replies, IsEmpty());
    EXPECT_EQ(status(), ObjectStatus::CompletelyReceived);
    EXPECT_EQ(object("m1")->meta.object_size, 0);
}

TEST_F(PacketReceiver, PaddingAfterTheLastOctetDoesNotCount) {
    for (const std::int64_t size : {5, 25}) {
        announce(size, size);
        if (size > 10) take(0, ten_, size), take(10, ten_, size);
        EXPECT_EQ(take(size > 10 ? 20 : 0, "abcde" + std::string(5, '\0'), size).verdict, Verdict::Accepted);
        EXPECT_EQ(octets_of({"acme", "model", "m1"}), size > 10 ? ten_ + ten_ + "abcde" : "abcde");
    }
}

TEST_F(PacketReceiver, TheRestOfAChunkIsAskedForWhenTheSendersAreSmaller) {
    announce();
    const auto result = take(0, "0123");
    EXPECT_THAT(asked(result), ElementsAre(4));
    EXPECT_EQ(result.replies[0].meta.chunk_size, 6);
}

TEST_F(PacketReceiver, IgnoresWhatItHasNotAskedForAndSaysNothing) {
    struct Row {
        const char* what;
        std::int64_t size;
        InstanceId instance;
        std::int64_t offset;
        std::size_t length;
    };
    constexpr std::int64_t kLast = INT64_MAX;
    const std::vector<Row> rows = {
        {"an older version", 25, 4, 10, 10},
        {"a newer version", 25, 6, 10, 10},
        {"octets that are here", 25, 5, 0, 10},
        {"a part of what is here", 25, 5, 3, 2},
        {"the octet after the last", 25, 5, 25, 1},
        {"nothing", 25, 5, 10, 0},
        {"nothing at the end", 25, 5, 25, 0},
        {"octets far away", 25, 5, std::int64_t{1} << 45U, 10},
        {"the largest offset", 25, 5, kLast, 10},
        {"an end that cannot be said", 25, 5, kLast - 5, 10},
        {"a negative offset", 25, 5, -1, 10},
        {"octets behind an object of unknown size", 0, 5, 5, 10},
        {"octets far behind an object of unknown size", 0, 5, kLast - 5, 10},
        {"octets behind an object of a negative size", -25, 5, 5, 10},
    };
    for (const Row& row : rows) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            txn.erase_notification({"acme", "model", "m1"}, cam1_);
            txn.erase_object({"acme", "model", "m1"});
        });
        announce(row.size, 5);
        if (row.size > 0) stage({"acme", "model", "m1"}, {{0, 10}});
        const auto result = take(row.offset, std::string(row.length, 'x'), row.instance);
        EXPECT_EQ(result.verdict, Verdict::Ignored) << row.what;
        EXPECT_THAT(result.replies, IsEmpty()) << row.what;
        EXPECT_EQ(status(), ObjectStatus::PartiallyReceived) << row.what;
        EXPECT_EQ(object("m1")->staged.has_value(), row.size > 0) << row.what;
    }
}

TEST_F(PacketReceiver, IgnoresDataOfObjectsThatAreNotReceived) {
    EXPECT_EQ(take(0, "abcde").verdict, Verdict::Ignored) << "not announced";
    publish(metadata("m1"), "own");
    EXPECT_EQ(take(cam1_, range(0, 5, object("m1")->meta.instance_id), "abcde").verdict, Verdict::Ignored) << "the CSS's own";
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), "own");
}

TEST_F(PacketReceiver, IgnoresWhatComesAfterTheEnd) {
    announce(5);
    take(0, "abcde");
    const auto again = take(0, "fghij");
    EXPECT_EQ(again.verdict, Verdict::Ignored);
    EXPECT_THAT(again.replies, IsEmpty());
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), "abcde");
}

TEST_F(PacketReceiver, NobodyButTheOriginBringsTheData) {
    register_node(cam2_, "mqtt");
    const NodeKey namesake{"other", "camera", "cam1"};
    register_node(namesake, "mqtt");
    announce(5);
    for (const auto& peer : {cam2_, namesake}) {
        const auto result = take(peer, range(0, 5), "wrong");
        EXPECT_EQ(result.verdict, Verdict::Ignored) << peer.org << "/" << peer.id;
        EXPECT_THAT(result.replies, IsEmpty()) << peer.org << "/" << peer.id;
    }
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
}

TEST_F(PacketReceiver, OrganizationsWithTheSameNamesDoNotMeet) {
    const NodeKey namesake{"other", "camera", "cam1"};
    register_node(namesake, "mqtt");
    announce(15);
    announce(brought_by(namesake, "m1", 1, 15));
    DataRequest of_other = range(0, 10);
    of_other.key.org = "other";
    EXPECT_THAT(asked(take(namesake, of_other, "OTHEROTHER")), ElementsAre(10));
    EXPECT_EQ(object("m1")->staged, std::nullopt) << "nothing has come for this one";
    take(0, ten_);
    take(10, "abcde");
    of_other.offset = 10;
    of_other.length = 5;
    take(namesake, of_other, "OTHER");
    EXPECT_EQ(octets_of({"acme", "model", "m1"}), ten_ + "abcde");
    EXPECT_EQ(octets_of({"other", "model", "m1"}), "OTHEROTHEROTHER");
}

TEST_F(PacketReceiver, ANodeThatIsNotRegisteredIsToldSo) {
    announce();
    in_transaction([&](WriteTransaction& txn, rules::Effects&) { txn.erase_destination(cam1_); });
    for (const auto& request : {range(0, 10), range(0, 10, 7)}) {
        const auto result = take(cam1_, request, ten_);
        EXPECT_EQ(result.verdict, Verdict::UnknownPeer);
        ASSERT_EQ(result.replies.size(), 1U);
        EXPECT_EQ(result.replies[0].command, Command::RegisterAsNew);
    }
    EXPECT_EQ(object("m1")->staged, std::nullopt);
}

TEST_F(PacketReceiver, DataThatIsTooLargeIsRefusedAndTheNodeIsToldWhy) {
    largest_object_ = 20;
    struct Row {
        std::int64_t size;
        std::int32_t chunk;
        std::size_t length;
    };
    InstanceId instance = 0;
    for (const Row& row : {Row{25, 10, 10}, Row{25, 25, 25}, Row{0, 10, 25}, Row{INT64_MAX, 10, 10}}) {
        announce(row.size, ++instance, row.chunk);
        auto result = take(0, std::string(row.length, 'x'), instance);
        EXPECT_EQ(result.verdict, Verdict::Invalid) << row.size << " " << row.chunk;
        for (auto& reply : result.replies) reply.meta.instance_id -= instance - 1;
        expect_told(result, kIoError);
        EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
    }
}

TEST_F(PacketReceiver, DataThatIsNotWhatWasAnnouncedIsRefusedAndMayComeAgain) {
    announced_sha256_ = data::sha256_of(ten_ + "abcde");
    announce(15);
    take(0, ten_);
    expect_told(take(10, "wrong"), kIoError);
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
    EXPECT_EQ(object("m1")->staged, std::nullopt) << "nobody knows which octets are wrong";
    take(0, ten_);
    EXPECT_EQ(take(10, "abcde").verdict, Verdict::Accepted);
    EXPECT_EQ(status(), ObjectStatus::CompletelyReceived);
}

TEST_F(PacketReceiver, TheSameInOneChunk) {
    announced_sha256_ = data::sha256_of("abcde");
    announce(5);
    expect_told(take(0, "wrong"), kIoError);
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
    EXPECT_EQ(take(0, "abcde").verdict, Verdict::Accepted);
    EXPECT_EQ(status(), ObjectStatus::CompletelyReceived);
}

TEST_F(PacketReceiver, DataThatIsNotWhatWasSignedIsRefused) {
    const api::Signer signer;
    for (const std::int64_t size : {5, 15}) {
        Metadata meta = brought_by(cam1_, "m1", size, size);
        meta.hash_algorithm = "SHA256";
        meta.public_key = signer.public_key();
        meta.signature = signer.sign("right octets");
        announce(meta);
        if (size > 10) take(0, ten_, size);
        auto result = take(size > 10 ? 10 : 0, "wrong", size);
        for (auto& reply : result.replies) reply.meta.instance_id -= size - 1;
        expect_told(result, kSecurityError);
        EXPECT_EQ(status(), ObjectStatus::ReceiverVerificationFailed);
    }
}

TEST_F(PacketReceiver, ASignedObjectThatCannotBeStoredIsNoForgery) {
    const api::Signer signer;
    Metadata meta = brought_by(cam1_, "m1", 1, 5);
    meta.hash_algorithm = "SHA256";
    meta.public_key = signer.public_key();
    meta.signature = signer.sign("abcde");
    announce(meta);
    between_ = [this] { faulty_->writes_fail = ErrorKind::Io; };
    const auto result = take(0, "abcde");
    EXPECT_EQ(result.verdict, Verdict::Failed);
    expect_told(result, kIoError);
}

TEST_F(PacketReceiver, AVersionThatIsReplacedMeanwhileEndsSilently) {
    announce(15);
    take(0, ten_);
    between_ = [this] { announce(15, 2); };
    const auto result = take(10, "abcde");
    EXPECT_NE(result.verdict, Verdict::Accepted);
    EXPECT_THAT(result.replies, IsEmpty()) << "the new version has its own requests";
    EXPECT_EQ(object("m1")->meta.instance_id, 2);
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
}

TEST_F(PacketReceiver, AStoreThatIsAwayIsNotTheNodesFault) {
    struct Row {
        const char* what;
        std::int64_t size;
        bool reads;
        bool is_at_start;
        Verdict verdict;
    };
    InstanceId instance = 0;
    for (const Row& row : {Row{"reading before one chunk", 5, true, true, Verdict::Unavailable},
                           Row{"reading before one of many", 15, true, true, Verdict::Unavailable},
                           Row{"reading after one chunk", 5, true, false, Verdict::Unavailable},
                           // It is stored; only the request for the next one must be made by the repeater.
                           Row{"reading after one of many", 15, true, false, Verdict::Accepted},
                           Row{"writing one chunk", 5, false, false, Verdict::Unavailable},
                           Row{"writing one of many", 15, false, false, Verdict::Unavailable}}) {
        announce(row.size, ++instance);
        const auto fail = [&] { (row.reads ? faulty_->reads_fail : faulty_->writes_fail) = ErrorKind::NotConnected; };
        between_ = nullptr;
        if (row.is_at_start) fail();
        if (!row.is_at_start) between_ = fail;
        const auto result = take(0, row.size > 10 ? ten_ : "abcde", instance);
        faulty_->reads_fail.reset();
        faulty_->writes_fail.reset();
        EXPECT_EQ(result.verdict, row.verdict) << row.what << ": " << result.reason;
        EXPECT_THAT(result.replies, IsEmpty()) << row.what;
    }
}

TEST_F(PacketReceiver, AChunkThatIsGivenUpLeavesNothing) {
    announce(5);
    const node::ReceptionParts parts{context_, *operations_, scheduler_, digests_, 0, nullptr};
    {
        const auto receiver = node::make_packet_receiver(parts, cam1_, range(0, 5), "");
        ASSERT_EQ(receiver->start().verdict, Verdict::Accepted);
        receiver->write(std::as_bytes(std::span("abc", 3)));
        receiver->abort();
    }
    node::make_packet_receiver(parts, cam1_, range(0, 5), "")->abort();
    EXPECT_EQ(status(), ObjectStatus::PartiallyReceived);
    EXPECT_EQ(take(0, "abcde").verdict, Verdict::Accepted);
}

}  // namespace
}  // namespace edgesync
