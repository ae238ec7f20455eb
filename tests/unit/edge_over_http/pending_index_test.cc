// What a CSS tells a node that polls, how often it says it again, and how a poll waits (node protocol 6.4; extensions 1).
#include <future>

#include "edgesync/sdk/codec.h"
#include "kernel/delivery/pending_index.h"
#include "kernel/node/node_scheduler.h"
#include "tests/unit/edge_over_http/edge_node.h"
#include "tests/unit/transport_http/css_fixture.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::Answer;
using http::test::Client;
using http::test::eventually;
using std::chrono::seconds;
using enum NotificationStatus;

/// Polls are answered by the index.
class IndexHost : public RecordingHost {
public:
    using RecordingHost::RecordingHost;
    std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) override {
        return index->poll(peer, request, std::move(done));
    }
    void cancel_poll(std::uint64_t handle) override { index->cancel(handle); }

    delivery::PendingIndex* index = nullptr;
};

std::string poll_of(const std::string& id, int wait) {
    const std::string dest = "acme/edge/" + id;
    return "GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + codec::base64_encode(dest + ":") +
           "\r\nX-Sync-Service-Dest: " + dest + "\r\n" + (wait > 0 ? "Prefer: wait=" + std::to_string(wait) + "\r\n" : "") + "\r\n";
}

class PendingIndexTest : public testing::Test {
protected:
    PendingIndexTest() {
        context.self = {"", "Cloud", "Cloud"};
        context.now = [] { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); };
        make_index({});
        host.router = &router;
        transport.configure(settings, host.log());
        transport.start(host);
        io.start();
        listener.start();
        register_node("n1");
    }
    ~PendingIndexTest() override {
        index->drain();
        listener.stop();
        workers.stop();
        io.stop();
        transport.drain();
        transport.stop();
    }

    void make_index(delivery::PendingOptions options) {
        index = std::make_unique<delivery::PendingIndex>(context, *store, timers, options, [this](std::vector<NotificationRecord> records) {
            const std::lock_guard lock(mutex);
            forgotten.insert(forgotten.end(), records.begin(), records.end());
        });
        host.index = index.get();
    }

    template <typename F>
    void write(F f) {
        std::promise<std::exception_ptr> done;
        store->submit(f, [&](const std::exception_ptr& error) { done.set_value(error); });
        if (const auto error = done.get_future().get()) std::rethrow_exception(error);
    }

    void register_node(const std::string& id) {
        write([&](WriteTransaction& txn) { txn.put_destination({{"acme", "edge", id}, "http", "1.0", context.now(), true}); });
    }

    /// A record for n1 (or `node`), without waking anybody.
    void put(const std::string& id, NotificationStatus status, InstanceId instance = 17, const std::string& node = "n1") {
        write([&](WriteTransaction& txn) {
            ObjectRecord object;
            object.meta = announced(id, 17, 0, 0);
            object.meta.destination_type = object.meta.destination_id = "";
            object.status = ObjectStatus::Ready;
            txn.put_object(object);
            NotificationRecord record;
            record.object = object.key();
            record.peer = {"acme", "edge", node};
            record.status = status;
            record.instance_id = record.data_id = instance;
            txn.put_notification(record);
        });
    }
    void put_and_wake(const std::string& id, NotificationStatus status = UpdatePending) {
        put(id, status);
        index->wake({"acme", "edge", "n1"});
    }

    Answer poll(const std::string& id = "n1", int wait = 0) {
        Client client(listener.port());
        return client.ask(poll_of(id, wait));
    }
    /// "command id" of every item.
    static std::vector<std::string> items(const Answer& answer) {
        std::vector<std::string> found;
        if (answer.status != 200) return found;
        for (const auto& item : codec::poll_items_from_json(answer.body)) {
            found.push_back(std::string(to_string(item.command)) + " " + item.meta.object_id);
        }
        return found;
    }

    rules::NodeContext context;
    LoadedStore store{EDGESYNC_MEMORY_STORE, NodeRole::Css};
    FixedSettings settings{NodeRole::Css};
    IndexHost host{NodeRole::Css, settings};
    HttpTransport transport;
    http::Router router;
    http::IoContext io{2};
    ops::WorkerPool workers;
    ManualScheduler timers{workers};
    http::Listener listener{http::test::loopback(), router, io, workers};
    std::mutex mutex;
    std::vector<NotificationRecord> forgotten;
    std::unique_ptr<delivery::PendingIndex> index;
};

using Items = std::vector<std::string>;

TEST_F(PendingIndexTest, NodesThatCannotBeToldKeepNobodyElseWaiting) {
    node::NodeScheduler scheduler(io, workers, host.log());
    delivery::PendingOptions options;
    options.reads_block = true;
    delivery::PendingIndex blocking(context, *store, scheduler, options, [](const std::vector<NotificationRecord>&) {});
    const auto wake_parked = [&](const std::string& id, std::function<void(PollResult)> done) {
        blocking.poll({"acme", "edge", id}, {200, seconds(50)}, std::move(done));
        put("m1", UpdatePending, 17, id);
        blocking.wake({"acme", "edge", id});
    };
    std::atomic<int> untold{0};
    for (int i = 0; i < 10; ++i) {
        const std::string id = "untold" + std::to_string(i);
        register_node(id);
        wake_parked(id, [&](const PollResult&) {
            ++untold;
            throw std::runtime_error("no memory");
        });
    }
    std::promise<std::size_t> told;
    wake_parked("n1", [&](const PollResult& result) { told.set_value(result.items.size()); });
    auto items_of_n1 = told.get_future();
    ASSERT_EQ(items_of_n1.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(items_of_n1.get(), 1U);
    EXPECT_EQ(untold, 10);
    workers.stop();
}

TEST_F(PendingIndexTest, AnUnknownNodeIsToldSo) {
    EXPECT_EQ(poll("stranger").status, 424);
    EXPECT_EQ(poll("stranger", 30).status, 424) << "parked although it is unknown";
    register_node("stranger");
    EXPECT_EQ(poll("stranger").status, 204);
}

TEST_F(PendingIndexTest, TellsWhatIsPendingAndNothingElse) {
    struct Row {
        NotificationStatus status;
        const char* item;
    };
    const Row rows[] = {{UpdatePending, "update m"},
                        {ReceivedPending, "received m"},
                        {ConsumedPending, "consumed m"},
                        {DeletePending, "delete m"},
                        {DeletedPending, "deleted m"},
                        {Update, nullptr},
                        {Updated, nullptr},
                        {Data, nullptr},
                        {ReceivedByDest, nullptr},
                        {ConsumedByDest, nullptr},
                        {Delete, nullptr},
                        {AckDelete, nullptr},
                        {Error, nullptr},
                        {HandleUpdate, nullptr},
                        {GetData, nullptr},
                        {Received, nullptr},
                        {AckReceived, nullptr},
                        {Consumed, nullptr},
                        {AckConsumed, nullptr},
                        {Deleted, nullptr},
                        {AckDeleted, nullptr},
                        {ReceiverError, nullptr}};
    for (const Row& row : rows) {
        put_and_wake("m", row.status);
        const Answer answer = poll();
        EXPECT_EQ(answer.status, row.item ? 200 : 204) << to_string(row.status);
        EXPECT_EQ(items(answer), row.item ? Items{row.item} : Items{}) << to_string(row.status);
    }
}

TEST_F(PendingIndexTest, AddressesEveryItemToTheNodeThatPolls) {
    put_and_wake("m1");
    const Answer answer = poll();
    ASSERT_EQ(answer.status, 200);
    const auto found = codec::poll_items_from_json(answer.body);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].meta.destination_type, "edge");
    EXPECT_EQ(found[0].meta.destination_id, "n1");
}

TEST_F(PendingIndexTest, TellsInTheOrderOfTheEvents) {
    for (const char* id : {"c", "a", "b"}) put(id, UpdatePending);
    put("c", DeletePending);
    index->wake({"acme", "edge", "n1"});
    EXPECT_EQ(items(poll()), (Items{"update a", "update b", "delete c"}));
}

TEST_F(PendingIndexTest, TellsALongListInPartsWithoutRepeatingAny) {
    for (int i = 0; i < 450; ++i) put("m" + std::to_string(1000 + i), UpdatePending);
    index->wake({"acme", "edge", "n1"});
    Items all;
    for (const std::size_t expected : {std::size_t{200}, std::size_t{200}, std::size_t{50}}) {
        const Items part = items(poll());
        EXPECT_EQ(part.size(), expected);
        all.insert(all.end(), part.begin(), part.end());
    }
    EXPECT_EQ(poll().status, 204);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST_F(PendingIndexTest, ForgetsWhatCanNeverBeDelivered) {
    put("old", UpdatePending, 16);
    put_and_wake("good");
    write([](WriteTransaction& txn) {
        NotificationRecord record;
        record.object = {"acme", "model", "gone"};
        record.peer = {"acme", "edge", "n1"};
        record.status = UpdatePending;
        record.instance_id = 17;
        txn.put_notification(record);
    });
    EXPECT_EQ(items(poll()), Items{"update good"});
    const std::lock_guard lock(mutex);
    ASSERT_EQ(forgotten.size(), 2U);
    EXPECT_EQ(forgotten[0].object.id, "old");
    EXPECT_EQ(forgotten[1].object.id, "gone");
}

TEST_F(PendingIndexTest, TellsOnlyTheNodeThatIsMeant) {
    register_node("n2");
    put_and_wake("m1");
    EXPECT_EQ(poll("n2").status, 204);
    EXPECT_EQ(items(poll("n1")), Items{"update m1"});
}

TEST_F(PendingIndexTest, WithholdsWhatWasToldForOneSecondThenForTwo) {
    using Clock = std::chrono::steady_clock;
    put_and_wake("m1");
    // When a poll was answered is known only as far as when it began and ended.
    auto began = Clock::now();
    ASSERT_EQ(items(poll()), Items{"update m1"});
    auto ended = Clock::now();
    for (const milliseconds pause : {milliseconds(1000), milliseconds(2000)}) {
        auto asked = Clock::now();
        auto asked_in_vain = ended;
        ASSERT_TRUE(eventually([&] {
            asked = Clock::now();
            if (items(poll()) == Items{"update m1"}) return true;
            asked_in_vain = asked;
            return false;
        })) << pause.count();
        const auto now = Clock::now();
        EXPECT_GE(now - began, pause);
        EXPECT_LT(asked_in_vain - ended, pause + milliseconds(900)) << "withheld for too long";
        began = asked;
        ended = now;
    }
}

TEST_F(PendingIndexTest, TellsNewsAtOnceWhileItWithholdsTheRest) {
    put_and_wake("m1");
    ASSERT_EQ(items(poll()), Items{"update m1"});
    put_and_wake("m2");
    EXPECT_EQ(items(poll()), Items{"update m2"});
    put_and_wake("m1", DeletePending);
    EXPECT_EQ(items(poll()), Items{"delete m1"}) << "a changed record is news";
    put_and_wake("m1", AckDelete);
    EXPECT_EQ(poll().status, 204);
}

TEST_F(PendingIndexTest, APollWaitsUntilSomethingIsPending) {
    Client client(listener.port());
    client.send(poll_of("n1", 30));
    ASSERT_TRUE(eventually([&] { return index->parked() == 1; }));
    put_and_wake("m1");
    const Answer answer = client.receive();
    EXPECT_EQ(items(answer), Items{"update m1"});
    EXPECT_TRUE(answer.has("Preference-Applied: wait=30")) << answer.head;
    EXPECT_EQ(index->parked(), 0U);
    EXPECT_EQ(timers.timers(), 0U) << "its timer stays";
}

TEST_F(PendingIndexTest, AWakeOfTheOrganizationReachesEveryNodeThatWaitsAndHasSomething) {
    constexpr int kNodes = 40;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < kNodes; ++i) {
        const std::string id = "w" + std::to_string(i);
        register_node(id);
        clients.push_back(std::make_unique<Client>(listener.port()));
        clients.back()->send(poll_of(id, 30));
    }
    ASSERT_TRUE(eventually([&] { return index->parked() == kNodes; }));
    for (int i = 0; i < kNodes; i += 2) put("m1", UpdatePending, 17, "w" + std::to_string(i));
    index->wake_org("other");
    index->wake_org("acme");
    for (int i = 0; i < kNodes; i += 2) EXPECT_EQ(items(clients[static_cast<std::size_t>(i)]->receive()), Items{"update m1"}) << i;
    // Who has nothing is looked at, too, and parked again.
    EXPECT_TRUE(eventually([&] { return index->parked() == kNodes / 2; })) << "who has nothing goes on waiting";
}

TEST_F(PendingIndexTest, AWakeOfTheOrganizationIsSeenByNodesThatAreKnownToHaveNothing) {
    EXPECT_EQ(items(poll()), Items());
    put("m1", UpdatePending);
    EXPECT_EQ(items(poll()), Items()) << "nobody said that something changed";
    index->wake_org("other");
    EXPECT_EQ(items(poll()), Items());
    index->wake_org("acme");
    EXPECT_EQ(items(poll()), Items{"update m1"});
}

TEST_F(PendingIndexTest, APollThatFindsSomethingDoesNotWait) {
    put_and_wake("m1");
    const Answer answer = poll("n1", 30);
    EXPECT_EQ(items(answer), Items{"update m1"});
    EXPECT_TRUE(answer.has("Preference-Applied: wait=30")) << answer.head;
}

TEST_F(PendingIndexTest, WaitsAsLongAsAskedButNotLongerThanAllowed) {
    struct Row {
        int asked;
        int granted;
    };
    for (const Row& row : {Row{10, 10}, Row{55, 55}, Row{56, 55}, Row{300, 55}}) {
        Client client(listener.port());
        client.send(poll_of("n1", row.asked));
        ASSERT_TRUE(eventually([&] { return index->parked() == 1; })) << row.asked;
        const auto delay = timers.fire().value();
        EXPECT_LE(delay, milliseconds(row.granted * 1000)) << row.asked;
        EXPECT_GT(delay, milliseconds(row.granted * 900 - 500)) << row.asked;
        index->wake({"acme", "edge", "n1"});
        EXPECT_TRUE(eventually([&] { return index->parked() == 1; })) << "released by a timer that came too early";
        client.close();
        EXPECT_TRUE(eventually([&] { return index->parked() == 0; })) << "nobody waits any more";
    }
}

TEST_F(PendingIndexTest, EndsAWaitWithNothingWhenItsTimeIsOver) {
    Client client(listener.port());
    const auto began = std::chrono::steady_clock::now();
    client.send(poll_of("n1", 1));
    ASSERT_TRUE(eventually([&] { return index->parked() == 1; }));
    // Timers come when the test says so: this one as often as it is set anew.
    EXPECT_TRUE(eventually([&] {
        if (timers.timers() > 0) timers.fire();
        return index->parked() == 0;
    }));
    EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(850));
    const Answer answer = client.receive();
    EXPECT_EQ(answer.status, 204);
    EXPECT_TRUE(answer.has("Preference-Applied: wait=1")) << answer.head;
}

TEST_F(PendingIndexTest, WhatWasToldDoesNotReleaseAWaitBeforeItsTime) {
    put_and_wake("m1");
    ASSERT_EQ(items(poll()), Items{"update m1"});
    Client client(listener.port());
    client.send(poll_of("n1", 30));
    ASSERT_TRUE(eventually([&] { return index->parked() == 1; }));
    EXPECT_LE(timers.fire().value(), milliseconds(1000)) << "it would wait to the end";
    EXPECT_TRUE(eventually([&] {
        if (timers.timers() > 0) timers.fire();
        return index->parked() == 0;
    }));
    EXPECT_EQ(items(client.receive()), Items{"update m1"});
}

TEST_F(PendingIndexTest, ASecondPollOfTheSameNodeReleasesTheFirst) {
    register_node("n2");
    Client first(listener.port());
    Client second(listener.port());
    Client other(listener.port());
    first.send(poll_of("n1", 30));
    other.send(poll_of("n2", 30));
    ASSERT_TRUE(eventually([&] { return index->parked() == 2; }));
    second.send(poll_of("n1", 30));
    EXPECT_EQ(first.receive().status, 204);
    ASSERT_TRUE(eventually([&] { return index->parked() == 2; }));
    put_and_wake("m1");
    EXPECT_EQ(items(second.receive()), Items{"update m1"});
    EXPECT_EQ(index->parked(), 1U) << "the other node waits on";
}

TEST_F(PendingIndexTest, ParksNoMoreThanItMay) {
    make_index({seconds(55), 2});
    for (const char* id : {"n2", "n3"}) register_node(id);
    Client first(listener.port());
    Client second(listener.port());
    first.send(poll_of("n1", 30));
    second.send(poll_of("n2", 30));
    ASSERT_TRUE(eventually([&] { return index->parked() == 2; }));
    const Answer refused = poll("n3", 30);
    EXPECT_EQ(refused.status, 204);
    EXPECT_EQ(refused.head.find("Preference-Applied"), std::string::npos) << refused.head;
    EXPECT_EQ(index->parked(), 2U);
    first.close();
    ASSERT_TRUE(eventually([&] { return index->parked() == 1; }));
    Client third(listener.port());
    third.send(poll_of("n3", 30));
    EXPECT_TRUE(eventually([&] { return index->parked() == 2; })) << "the place of a node that left is not free";
}

TEST_F(PendingIndexTest, ReleasesAllWhenTheNodeStopsAndParksNoneAfterwards) {
    register_node("n2");
    Client first(listener.port());
    Client second(listener.port());
    first.send(poll_of("n1", 30));
    second.send(poll_of("n2", 30));
    ASSERT_TRUE(eventually([&] { return index->parked() == 2; }));
    index->drain();
    EXPECT_EQ(first.receive().status, 204);
    EXPECT_EQ(second.receive().status, 204);
    EXPECT_EQ(poll("n1", 30).status, 204);
    EXPECT_EQ(index->parked(), 0U);
}

TEST_F(PendingIndexTest, NoNewsIsLostBetweenAskingAndWaiting) {
    Client client(listener.port());
    for (int i = 0; i < 300; ++i) {
        const std::string id = "m" + std::to_string(i);
        client.send(poll_of("n1", 30));
        put_and_wake(id);  // Sometimes before, sometimes after the poll is parked.
        ASSERT_EQ(items(client.receive()), Items{"update " + id}) << i;
        put_and_wake(id, Updated);
    }
}

}  // namespace
}  // namespace edgesync::transport_http::test
