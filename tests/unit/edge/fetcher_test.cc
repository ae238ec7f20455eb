#include "kernel/data/fetcher.h"

#include <gmock/gmock.h>

#include "tests/unit/edge/edge_fixture.h"
#include "tests/unit/thread_limit.h"

namespace edgesync {
namespace {

using testing::eventually;
using testing::Gate;
using ::testing::HasSubstr;
using testing::ScriptedTransport;
using ::testing::SizeIs;

class FetcherTest : public testing::EdgeTest {
protected:
    void make_fetcher(std::int64_t largest_object = 0) {
        data::FetcherOptions options;
        options.largest_object = largest_object;
        options.retry_pause = std::chrono::seconds(0);
        options.parallel_chunks = parallel_chunks_;
        fetcher_ = std::make_unique<data::Fetcher>(
            context_, *operations_, scheduler_, line_, log_, options, [](const Message&) {}, [] {});
        fetcher_->set_transport(transport_);
        on_effects = [this](const rules::Effects& effects) {
            for (const auto& key : effects.fetch) fetcher_->fetch(key);
        };
        stops_.emplace_back([this] { fetcher_->stop(); });
    }

    void announce(const Metadata& meta) {
        Message update;
        update.command = Command::Update;
        update.meta = meta;
        fetcher_->announced(update, [this](const HandleResult&) { ++answered_; });
    }

    bool holds(InstanceId instance) {
        const auto found = object("m1");
        return found && found->status == ObjectStatus::CompletelyReceived && found->meta.instance_id == instance;
    }

    std::string octets() {
        std::string read;
        store_->read([&](ReadTransaction& txn) {
            const auto reader = txn.open_blob(*txn.object({"acme", "model", "m1"})->data);
            read.resize(static_cast<std::size_t>(reader->size()));
            reader->read(0, std::as_writable_bytes(std::span(read)));
        });
        return read;
    }

    int parallel_chunks_ = 1;
    std::unique_ptr<data::Fetcher> fetcher_;
    std::atomic<int> answered_{0};
};

constexpr std::int64_t kLarge = 200'000;

TEST_F(FetcherTest, TakesSmallAndLargeData) {
    make_fetcher();
    for (const std::int64_t size : {std::int64_t{1}, std::int64_t{60'000}, kLarge}) {
        const InstanceId instance = 10 + size;
        announce(announced(instance, size));
        ASSERT_TRUE(eventually([&] { return holds(instance); })) << size;
        EXPECT_EQ(octets(), std::string(static_cast<std::size_t>(size), static_cast<char>('0' + instance % 10)));
    }
}

TEST_F(FetcherTest, TakesChunksWithTheThreadsThatTheSystemHas) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    parallel_chunks_ = 4;
    make_fetcher();
    Metadata meta = announced(11, kLarge);
    meta.chunk_size = 20'000;
    // One for the transfer, one that helps it.
    const ThreadLimit limit(2);
    announce(meta);
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    EXPECT_GT(ThreadLimit::count(), 0);
    EXPECT_EQ(octets(), std::string(kLarge, '1'));
}

TEST_F(FetcherTest, FetchesAVersionThatIsAnnouncedWhileTheOneBeforeItArrives) {
    make_fetcher();
    Gate gate;
    transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
        if (request.instance_id == 11) gate.pass();
        return ScriptedTransport::give_octets(request, sink);
    };
    announce(announced(11, kLarge));
    ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == 1; }));
    announce(announced(12, kLarge));
    ASSERT_TRUE(eventually([&] { return answered_ == 2; }));
    gate.open();
    EXPECT_TRUE(eventually([&] { return holds(12); }));
    EXPECT_EQ(octets(), std::string(kLarge, '2'));
}

TEST_F(FetcherTest, AppliesTheEndOfATransferToItsOwnVersionOnly) {
    make_fetcher();
    for (const Verdict verdict : {Verdict::NotFound, Verdict::Failed}) {
        Gate gate;
        transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
            if (request.instance_id % 10 != 1) return ScriptedTransport::give_octets(request, sink);
            gate.pass();
            return PeerAnswer{verdict, "old", {}};
        };
        const InstanceId first = 11 + 10 * static_cast<InstanceId>(verdict);
        const std::size_t before = transport_.fetched().size();
        announce(announced(first, kLarge));
        ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == before + 1; }));
        announce(announced(first + 1, kLarge));
        ASSERT_TRUE(eventually([&] { return object("m1")->meta.instance_id == first + 1; }));
        gate.open();
        EXPECT_TRUE(eventually([&] { return holds(first + 1); })) << static_cast<int>(verdict);
    }
}

TEST_F(FetcherTest, DropsSmallDataOfAnObjectThatIsDeletedMeanwhile) {
    make_fetcher();
    for (const bool has_data : {true, false}) {
        Gate gate;
        transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
            gate.pass();
            if (!has_data) return PeerAnswer{Verdict::NotFound, "gone", {}};
            return ScriptedTransport::give_octets(request, sink);
        };
        const int before = answered_;
        const std::size_t fetches = transport_.fetched().size();
        const InstanceId instance = has_data ? 11 : 12;
        announce(announced(instance, 5));
        ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == fetches + 1; }));
        EXPECT_EQ(receive(context_.cloud(), Command::Delete, announced(instance, 5)).verdict, Verdict::Accepted);
        gate.open();
        ASSERT_TRUE(eventually([&] { return answered_ > before; }));
        EXPECT_EQ(object("m1")->status, ObjectStatus::ObjDeleted) << has_data;
        EXPECT_FALSE(notification("m1", context_.cloud()));
    }
}

TEST_F(FetcherTest, TakesSmallDataOfTheNewestVersionWhateverBecomesOfOlderOnesMeanwhile) {
    make_fetcher();
    on_effects = {};  // Older versions stay as they are stored.
    for (const bool is_abandoned : {false, true}) {
        const InstanceId newest = is_abandoned ? 22 : 12;
        Gate gate;
        transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
            if (request.instance_id != newest) return PeerAnswer{Verdict::NotFound, "there is a newer one", {}};
            gate.pass();
            return ScriptedTransport::give_octets(request, sink);
        };
        announce(announced(newest, 5));
        ASSERT_TRUE(eventually([&] { return !transport_.fetched().empty() && transport_.fetched().back().instance_id == newest; }));
        receive(context_.cloud(), Command::Update, announced(newest - 1, 5));
        ASSERT_EQ(notification_status("m1", context_.cloud()), NotificationStatus::GetData);
        if (is_abandoned) {
            in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
                EXPECT_TRUE(delivery::abandon_reception(context_, txn, {"acme", "model", "m1"}, newest - 1, effects));
            });
        }
        gate.open();
        EXPECT_TRUE(eventually([&] { return holds(newest); })) << "nobody announces it again over a packet line";
    }
}

TEST_F(FetcherTest, KeepsWhatItHasWhenANewerSmallVersionIsGoneBeforeItsDataCame) {
    transport_.is_answered = false;
    make_fetcher();
    announce(announced(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    transport_.on_fetch = [&](const DataRequest&, DataSink&) { return PeerAnswer{Verdict::NotFound, "there is a newer one", {}}; };
    announce(announced(12, 5));
    ASSERT_TRUE(eventually([&] { return answered_ == 2; }));
    EXPECT_TRUE(holds(11));
    EXPECT_THAT(transport_.fetched(), SizeIs(2)) << "and does not ask twice";
}

TEST_F(FetcherTest, FetchesSmallDataOnceWhileItsAnnouncementIsRepeated) {
    make_fetcher();
    Gate gate;
    transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
        gate.pass();
        return ScriptedTransport::give_octets(request, sink);
    };
    announce(announced(11, 5));
    ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == 1; }));
    announce(announced(11, 5));
    EXPECT_TRUE(eventually([&] { return answered_ == 1; })) << "the repetition is answered at once";
    gate.open();
    EXPECT_TRUE(eventually([&] { return holds(11); }));
    EXPECT_THAT(transport_.fetched(), SizeIs(1));
}

TEST_F(FetcherTest, RefusesWhatIsTooLargeWithoutFetchingItAndRemembersWhy) {
    make_fetcher(1000);
    announce(announced(11, kLarge));
    ASSERT_TRUE(eventually([&] { return answered_ == 1; }));
    EXPECT_TRUE(transport_.fetched().empty());
    const auto record = notification("m1", context_.cloud());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->status, NotificationStatus::ReceiverError);
    std::optional<Message> feedback;
    store_->read([&](ReadTransaction& txn) { feedback = delivery::message_of(context_, txn, *record); });
    ASSERT_TRUE(feedback);
    EXPECT_EQ(feedback->command, Command::Feedback);
    EXPECT_THAT(feedback->feedback.reason, HasSubstr("MaxObjectDataSize (1000)"));
}

TEST_F(FetcherTest, RemembersWhyItFailed) {
    make_fetcher();
    transport_.on_fetch = [](const DataRequest&, DataSink&) { return PeerAnswer{Verdict::Invalid, "never heard of it", {}}; };
    announce(announced(11, kLarge));
    ASSERT_TRUE(eventually([&] {
        const auto record = notification("m1", context_.cloud());
        return record && record->status == NotificationStatus::ReceiverError;
    }));
    std::optional<Message> feedback;
    store_->read([&](ReadTransaction& txn) { feedback = delivery::message_of(context_, txn, *notification("m1", context_.cloud())); });
    ASSERT_TRUE(feedback);
    EXPECT_EQ(feedback->feedback.reason, "never heard of it");
}

}  // namespace
}  // namespace edgesync
