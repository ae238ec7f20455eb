// What an ESS sends to its CSS, and how it goes on after a failure (node protocol 7.5, 9.1).
#include <set>

#include "edgesync/sdk/codec.h"
#include "tests/unit/edge_over_http/edge_node.h"
#include "tests/unit/edge_over_http/scripted_css.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::eventually;
using http::test::pattern;
using Range = std::pair<std::int64_t, std::int64_t>;
using enum NotificationStatus;

std::vector<Range> ranges_of(const ScriptedCss& css) {
    std::vector<Range> ranges;
    for (const auto& call : css.calls("data")) ranges.push_back(call.range());
    return ranges;
}

/// A record and the object it is about, as the rules leave them.
void put_exchange(EdgeNode& edge, const std::string& id, NotificationStatus status) {
    edge.in_transaction([&](WriteTransaction& txn, rules::Effects&) {
        const bool is_own = status == Update || status == Delete;
        ObjectRecord object;
        object.meta = announced(id, 17, 0, 0);
        object.meta.no_data = true;
        object.side = is_own ? Side::Sender : Side::Receiver;
        object.status = status == Update     ? ObjectStatus::Ready
                        : status == Received ? ObjectStatus::CompletelyReceived
                        : status == Consumed ? ObjectStatus::ObjConsumed
                                             : ObjectStatus::ObjDeleted;
        txn.put_object(object);
        NotificationRecord record;
        record.object = object.key();
        record.peer = is_own ? edge.context.self : edge.context.cloud();
        record.status = status;
        record.instance_id = record.data_id = 17;
        record.resend_at = edge.context.resend_at();
        txn.put_notification(record);
    });
}

class OutboxTest : public testing::Test {
protected:
    ScriptedCss css;
    LoadedStore store{EDGESYNC_MEMORY_STORE};
};

TEST_F(OutboxTest, EveryAnswerHasItsMeaningForEveryMessage) {
    struct Row {
        NotificationStatus status;
        const char* action;
        const char* accepted;  ///< State of the exchange after 204; empty: it is over.
        const char* ignored;   ///< After 409.
    };
    const Row rows[] = {{Update, "update", "updated", "update"},
                        {Delete, "delete", "ackDelete", "delete"},
                        {Deleted, "deleted", "", ""},
                        {Consumed, "consumed", "", ""},
                        {Received, "received", "ackreceived", "ackreceived"}};
    for (const Row& row : rows) {
        for (const int answer : {204, 409, 400, 403, 404, 500, 503}) {
            ScriptedCss fresh;
            LoadedStore empty{EDGESYNC_MEMORY_STORE};
            EdgeNode edge{empty, fresh.port()};
            put_exchange(edge, "m1", row.status);
            const std::string before = edge.exchange("m1");
            fresh.answer(row.action, answer);
            ASSERT_TRUE(edge.registers());
            ASSERT_TRUE(eventually([&] { return fresh.count(row.action) == 1; })) << row.action << answer;
            edge.outbox.stop();
            const std::string after = answer == 204 ? row.accepted : answer == 409 ? row.ignored : before;
            EXPECT_EQ(edge.exchange("m1"), after) << row.action << " " << answer;
            EXPECT_EQ(fresh.count(row.action), 1U) << row.action << " " << answer << ": sent again without a pause";
            EXPECT_EQ(edge.line.is_up(), answer != 503) << row.action << " " << answer;
        }
    }
}

TEST_F(OutboxTest, MessagesHaveTheFormOfTheProtocol) {
    EdgeNode edge{store, css.port()};
    for (const NotificationStatus status : {Update, Delete, Deleted, Consumed, Received}) {
        put_exchange(edge, std::string(to_string(status)), status);
    }
    ASSERT_TRUE(edge.registers());
    for (const char* action : {"update", "delete", "deleted", "consumed", "received"}) {
        ASSERT_TRUE(eventually([&] { return css.count(action) == 1; })) << action;
        const auto call = css.calls(action).front();
        EXPECT_EQ(call.request.method, "PUT");
        EXPECT_EQ(call.request.path, std::string("/spi/v1/objects/acme/model/") + action + "/17/17/" + action);
        const bool has_body = action != std::string("consumed") && action != std::string("received");
        EXPECT_EQ(!call.request.body.empty(), has_body) << action;
        if (!has_body) continue;
        const Metadata meta = codec::metadata_from_json(call.request.body);
        EXPECT_EQ(meta.object_id, action);
        EXPECT_EQ(meta.instance_id, 17);
        EXPECT_EQ(meta.destination_type + "/" + meta.destination_id, "edge/n1") << action;
    }
}

TEST_F(OutboxTest, NothingIsSentBeforeTheNodeIsRegistered) {
    EdgeNode edge{store, css.port()};
    css.answer("register", ScriptedCss::kHold);
    edge.publish("m1", "octets");
    edge.registration.start();
    ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    edge.outbox.scan();
    css.release();
    ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "data"; }));
    EXPECT_EQ(css.actions(), (std::vector<std::string>{"register", "update", "data"}));
}

TEST_F(OutboxTest, PausesLongerAfterEveryFailureOfTheLine) {
    for (const int status : {307, 408, 429, 502, 503, 504}) {
        ScriptedCss busy;
        LoadedStore empty{EDGESYNC_MEMORY_STORE};
        EdgeNode edge{empty, busy.port()};
        busy.answer("update", status);
        edge.publish("m1", std::nullopt);
        ASSERT_TRUE(edge.registers());
        std::size_t sent = 0;
        for (const int seconds : {2, 4, 8, 16, 32, 60, 60}) {
            ASSERT_TRUE(eventually([&] { return edge.line_timers.timers() == 1; })) << status;
            EXPECT_EQ(busy.count("update"), ++sent) << status << ": more than one call in a pause of " << seconds << " s";
            EXPECT_FALSE(edge.line.is_up());
            const auto pause = edge.line_timers.fire().value();
            EXPECT_LE(pause, milliseconds(seconds * 1000)) << status;
            EXPECT_GE(pause, milliseconds(seconds * 750)) << status;
        }
        ASSERT_TRUE(eventually([&] { return edge.line_timers.timers() == 1; }));
        busy.answer("update", 204);
        EXPECT_TRUE(edge.line_timers.fire());
        ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "updated"; })) << status;
        busy.answer("update", status);
        edge.publish("m2", std::nullopt);
        ASSERT_TRUE(eventually([&] { return edge.line_timers.timers() == 1; }));
        EXPECT_LE(edge.line_timers.fire().value(), milliseconds(2000)) << "the long pause outlives the success";
    }
}

TEST_F(OutboxTest, SendsNothingDuringThePause) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.answer("update", 503);
    edge.publish("m1", std::nullopt);
    ASSERT_TRUE(eventually([&] { return !edge.line.is_up(); }));
    for (int i = 0; i < 20; ++i) edge.publish("n" + std::to_string(i), std::nullopt);
    edge.outbox.scan();
    EXPECT_EQ(css.count("update"), 1U);
    css.answer("update", 204);
    EXPECT_TRUE(edge.line_timers.fire());
    EXPECT_TRUE(eventually([&] { return css.count("update") == 22; })) << "all that waited, once";
    EXPECT_TRUE(eventually([&] { return edge.exchange("n19") == "updated"; }));
}

TEST_F(OutboxTest, KeepsWhatCannotBeSentBecauseNobodyListens) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.go_away();
    edge.publish("m1", "octets");
    ASSERT_TRUE(edge.line_timers.fire());
    ASSERT_TRUE(eventually([&] { return edge.line_timers.timers() == 1; })) << "no second attempt";
    EXPECT_FALSE(edge.line.is_up());
    EXPECT_EQ(edge.exchange("m1"), "update");
    EXPECT_EQ(edge.data("m1"), "octets");
}

TEST_F(OutboxTest, PushesTheWholeOrEveryChunkInTurn) {
    struct Row {
        std::size_t size;
        std::int32_t chunk_size;
        std::vector<Range> ranges;
    };
    const Row rows[] = {
        {10000, 4000, {{0, 4000}, {4000, 8000}, {8000, 10000}}},
        {10000, 5000, {{0, 5000}, {5000, 10000}}},
        {10000, 10000, {{0, 0}}},  // {0, 0}: no Content-Range
        {10000, 0, {{0, 0}}},
        {10000, -5, {{0, 0}}},
        {1, 4000, {{0, 0}}},
        {200000, 150000, {{0, 150000}, {150000, 200000}}},
    };
    for (const Row& row : rows) {
        ScriptedCss fresh;
        EdgeNode edge{store, fresh.port()};
        ASSERT_TRUE(edge.registers());
        const std::string data = pattern(row.size);
        const std::string id = std::to_string(row.size) + "." + std::to_string(row.chunk_size);
        const Metadata meta = edge.publish(id, data, row.chunk_size);
        ASSERT_TRUE(eventually([&] { return edge.exchange(id) == "data"; })) << id;
        EXPECT_EQ(ranges_of(fresh), row.ranges) << id;
        std::string pushed;
        const std::string version = std::to_string(meta.instance_id);
        for (const auto& call : fresh.calls("data")) {
            pushed += call.request.body;
            EXPECT_EQ(call.request.path, "/spi/v1/objects/acme/model/" + id + "/" + version + "/" + version + "/data");
        }
        EXPECT_TRUE(pushed == data) << id;
    }
}

TEST_F(OutboxTest, PushesNoDataWhereNoneBelongs) {
    EdgeNode edge{store, css.port()};
    edge.publish("m1", std::nullopt);
    ASSERT_TRUE(edge.registers());
    ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "updated"; }));
    edge.outbox.stop();
    EXPECT_EQ(css.count("data"), 0U);
}

TEST_F(OutboxTest, RepeatsOnlyTheChunkThatFailed) {
    for (const int status : {307, 408, 429, 502, 503, 504}) {
        ScriptedCss busy;
        LoadedStore empty{EDGESYNC_MEMORY_STORE};
        EdgeNode edge{empty, busy.port()};
        ASSERT_TRUE(edge.registers());
        busy.answer_in_turn("data", {204, status, 204});
        edge.publish("m1", pattern(10000), 4000);
        ASSERT_TRUE(edge.line_timers.fire()) << status;
        ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "data"; })) << status;
        EXPECT_EQ(ranges_of(busy), (std::vector<Range>{{0, 4000}, {4000, 8000}, {4000, 8000}, {8000, 10000}})) << status;
        EXPECT_EQ(busy.count("update"), 1U) << status;
    }
}

TEST_F(OutboxTest, GoesOnWithAPushAfterARestart) {
    LoadedStore durable{EDGESYNC_LMDB_STORE};
    css.answer_in_turn("data", {204, ScriptedCss::kHold});
    {
        EdgeNode edge{durable, css.port()};
        ASSERT_TRUE(edge.registers());
        edge.publish("m1", pattern(10000), 4000);
        ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    }
    durable.restart();
    ScriptedCss later;
    EdgeNode edge{durable, later.port()};
    ASSERT_TRUE(edge.registers());
    ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "data"; }));
    EXPECT_EQ(ranges_of(later), (std::vector<Range>{{4000, 8000}, {8000, 10000}}));
    EXPECT_EQ(later.count("update"), 0U) << "the announcement was accepted before";
}

TEST_F(OutboxTest, PushesANewVersionFromItsBeginning) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.answer_in_turn("data", {204, 503, 204});
    edge.publish("m1", pattern(10000), 4000);
    ASSERT_TRUE(eventually([&] { return edge.line_timers.timers() == 1; }));
    const Metadata newer = edge.publish("m1", pattern(9000), 4000);
    EXPECT_TRUE(edge.line_timers.fire());
    ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "data"; }));
    EXPECT_EQ(ranges_of(css), (std::vector<Range>{{0, 4000}, {4000, 8000}, {0, 4000}, {4000, 8000}, {8000, 9000}}));
    EXPECT_EQ(edge.notification("m1", edge.context.self)->instance_id, newer.instance_id);
}

TEST_F(OutboxTest, ARefusedPushIsAnnouncedAgainLater) {
    for (const int status : {409, 400, 403, 500}) {
        ScriptedCss refusing;
        LoadedStore empty{EDGESYNC_MEMORY_STORE};
        EdgeNode edge{empty, refusing.port()};
        ASSERT_TRUE(edge.registers());
        refusing.answer("data", status);
        edge.publish("m1", pattern(10000), 4000);
        ASSERT_TRUE(eventually([&] { return refusing.count("data") == 1; })) << status;
        edge.outbox.stop();
        EXPECT_EQ(edge.exchange("m1"), "update") << status;
        EXPECT_EQ(refusing.count("data"), 1U) << status << ": the rest was sent although the first chunk was refused";
        EXPECT_EQ(refusing.count("update"), 1U) << status << ": announced again without a pause";
        EXPECT_TRUE(edge.line.is_up()) << status;
    }
}

TEST_F(OutboxTest, PushesTwoLargeObjectsAtATimeAndAllOfThem) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.answer("data", ScriptedCss::kHold);
    for (int i = 0; i < 5; ++i) edge.publish("m" + std::to_string(i), pattern(100000), 100000);
    ASSERT_TRUE(eventually([&] { return css.held() == 2 && css.count("update") == 5; }));
    // Small messages pass them.
    edge.publish("small", std::nullopt);
    EXPECT_TRUE(eventually([&] { return edge.exchange("small") == "updated"; }));
    EXPECT_TRUE(eventually([&] {
        css.release();
        for (int i = 0; i < 5; ++i) {
            if (edge.exchange("m" + std::to_string(i)) != "data") return false;
        }
        return true;
    }));
    EXPECT_EQ(css.most_held(), 2U);
    EXPECT_EQ(css.count("data"), 5U);
}

TEST_F(OutboxTest, AVersionThatComesDuringASendIsSentToo) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.answer_in_turn("update", {ScriptedCss::kHold, 204});
    const Metadata first = edge.publish("m1", std::nullopt);
    ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    const Metadata second = edge.publish("m1", std::nullopt);
    EXPECT_EQ(css.count("update"), 1U) << "two messages about one object at once";
    css.release();
    ASSERT_TRUE(eventually([&] { return edge.exchange("m1") == "updated"; }));
    const auto calls = css.calls("update");
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(codec::metadata_from_json(calls[0].request.body).instance_id, first.instance_id);
    EXPECT_EQ(codec::metadata_from_json(calls[1].request.body).instance_id, second.instance_id);
    EXPECT_EQ(edge.notification("m1", edge.context.self)->instance_id, second.instance_id);
}

TEST_F(OutboxTest, LosesNothingWhenMoreWaitsThanTheWorkersTake) {
    EdgeNode edge{store, css.port(), {.settings = {}, .verify = {}, .threads = 2, .queue = 4}};
    constexpr int kObjects = 100;
    for (int i = 0; i < kObjects; ++i) edge.publish("m" + std::to_string(i), std::nullopt);
    css.answer("update", ScriptedCss::kHold);
    ASSERT_TRUE(edge.registers());
    EXPECT_TRUE(eventually([&] { return css.held() == 2; }));
    css.answer("update", 204);
    css.release();
    EXPECT_TRUE(eventually([&] {
        // The pause after the workers had no place.
        if (edge.line_timers.timers() > 0) edge.line_timers.fire_at_once();
        for (int i = 0; i < kObjects; ++i) {
            if (edge.exchange("m" + std::to_string(i)) != "updated") return false;
        }
        return true;
    }));
    EXPECT_EQ(css.count("update"), static_cast<std::size_t>(kObjects)) << "some were sent twice";
}

TEST_F(OutboxTest, StopsWhileTheCssKeepsItWaiting) {
    EdgeNode edge{store, css.port()};
    ASSERT_TRUE(edge.registers());
    css.answer("update", ScriptedCss::kHold);
    edge.publish("m1", std::nullopt);
    ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    const auto began = std::chrono::steady_clock::now();
    edge.transport.drain();
    edge.outbox.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_EQ(edge.exchange("m1"), "update") << "taken as sent without an answer";
}

}  // namespace
}  // namespace edgesync::transport_http::test
