#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "tests/unit/transport_http/css_fixture.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::Answer;
using http::test::Client;
using http::test::eventually;

constexpr char kObject[] = "/spi/v1/objects/acme/model/m1/17/16/";

std::string metadata(const std::string& id = "m1", InstanceId instance = 17) {
    Metadata meta;
    meta.org = "acme";
    meta.object_type = "model";
    meta.object_id = id;
    meta.instance_id = instance;
    meta.data_id = 15;
    meta.origin_id = "n1";
    meta.origin_type = "edge";
    return codec::to_json(meta);
}

using SpiRegistration = CssTest;

TEST_F(SpiRegistration, BecomesAMessageOfTheAuthenticatedNode) {
    const std::pair<const char*, Command> rows[] = {{"register", Command::Register},
                                                    {"register-new", Command::RegisterNew},
                                                    {"ping", Command::Ping},
                                                    {"unregister", Command::Unregister}};
    for (const auto& [name, command] : rows) {
        const Answer answer = put(std::string("/spi/v1/") + name + "/acme/edge/n1?persistent-storage=true", "",
                                  "X-Sync-Service-Capabilities: wait, digest, else\r\n");
        EXPECT_EQ(answer.status, 204) << name;
        EXPECT_EQ(answer.body, "");
        const auto handled = host.handled().back();
        EXPECT_EQ(handled.peer, (NodeKey{"acme", "edge", "n1"}));
        EXPECT_EQ(handled.message.command, command);
        EXPECT_TRUE(handled.message.is_persistent);
        EXPECT_EQ(handled.message.protocol, "http");
        EXPECT_EQ(handled.message.code_version, "1.0");
        EXPECT_EQ(handled.message.capabilities, (std::vector<std::string>{"wait", "digest", "else"}));
        const bool greets = command == Command::Register || command == Command::RegisterNew;
        EXPECT_EQ(answer.has("X-Sync-Service-Capabilities: wait, digest"), greets) << name;
    }
    EXPECT_TRUE(host.silent_log().warnings().empty());
}

TEST_F(SpiRegistration, TakesTheIdentityFromTheCredentialsAndWarnsAboutAnotherInTheUrl) {
    EXPECT_EQ(put("/spi/v1/register/acme/edge/other").status, 204);
    EXPECT_EQ(host.handled().back().peer, (NodeKey{"acme", "edge", "n1"}));
    EXPECT_EQ(host.silent_log().warnings().size(), 1U);
}

TEST_F(SpiRegistration, TellsAnUnknownNodeByStatus404ButNeverOnRegisterNew) {
    host.verdict.verdict = Verdict::UnknownPeer;
    EXPECT_EQ(put("/spi/v1/register/acme/edge/n1").status, 404);
    EXPECT_EQ(put("/spi/v1/ping/acme/edge/n1").status, 404);
    EXPECT_EQ(put("/spi/v1/register-new/acme/edge/n1").status, 424);
    host.verdict.verdict = Verdict::NotFound;
    EXPECT_EQ(put("/spi/v1/register-new/acme/edge/n1?x=1").status, 409);
}

TEST_F(SpiRegistration, ReadsTheFlagAsTheTraditionalServiceDoes) {
    for (const char* yes : {"true", "True", "TRUE", "t", "1"}) {
        put(std::string("/spi/v1/register/acme/edge/n1?persistent-storage=") + yes);
        EXPECT_TRUE(host.handled().back().message.is_persistent) << yes;
    }
    put("/spi/v1/register/acme/edge/n1");
    EXPECT_FALSE(host.handled().back().message.is_persistent);
    const Answer wrong = put("/spi/v1/register/acme/edge/n1?persistent-storage=maybe");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.body, "");
    EXPECT_EQ(put("/spi/v1/register/acme/edge/n1?persistent-storage=%zz").status, 400);
}

using SpiChecks = CssTest;

TEST_F(SpiChecks, AnswersEverythingWith503WhileTheNodeIsNotRunning) {
    host.running = false;
    for (const char* path : {"/spi/v1/objects/", "/spi/v1/objects", "/spi/v1/objects/acme/model/m1/1/2/data"})
        EXPECT_EQ(get(path).status, 503) << path;
    EXPECT_EQ(put("/spi/v1/register/acme/edge/n1").status, 503);
    EXPECT_EQ(put(std::string(kObject) + "data", "x").status, 503);
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiChecks, RefusesOthersWithTwelveOctets) {
    for (const char* request : {"GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\n\r\n",
                                "PUT /spi/v1/objects/acme/model/m1/1/2/data HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
                                "PUT /spi/v1/register/acme/edge/n1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"}) {
        const Answer answer = ask(request);
        EXPECT_EQ(answer.status, 403);
        EXPECT_EQ(answer.body, "Unauthorized");
    }
}

TEST_F(SpiChecks, RefusesAnotherOrganizationInTheUrl) {
    for (const char* path : {"/spi/v1/objects/other/model/m1/1/2/updated", "/spi/v1/objects/other/resend"}) {
        const Answer answer = put(path);
        EXPECT_EQ(answer.status, 403) << path;
        EXPECT_EQ(answer.body, "Unauthorized");
    }
    EXPECT_EQ(get("/spi/v1/objects/other/model/m1/1/2/data").status, 403);
    EXPECT_EQ(put("/spi/v1/objects/other/model/m1/1/2/data", "x").status, 403);
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiChecks, AnswersAWrongPathWith400AndNoBody) {
    for (const char* path : {"/spi/v1/objects/acme/model/m1/1", "/spi/v1/objects/acme/model/m1/x/2/updated",
                             "/spi/v1/objects/acme/model/m1/1/2/3/updated", "/spi/v1/objects//model/m1/1/2/updated",
                             "/spi/v1/objects/acme/model/../1/2/updated", "/spi/v1/objects/acme/model/a%2Fb/1/2/updated",
                             "/spi/v1/objects/acme/model/m1/1/2/unknown", "/spi/v1/objects/acme/model/m1/1/2/Updated"}) {
        const Answer answer = put(path);
        EXPECT_EQ(answer.status, 400) << path;
        EXPECT_EQ(answer.body, "") << path;
    }
}

TEST_F(SpiChecks, AnswersAWrongMethodWith405) {
    EXPECT_EQ(get("/spi/v1/register/acme/edge/n1").status, 405);
    EXPECT_EQ(put("/spi/v1/objects/").status, 405);
    EXPECT_EQ(put("/spi/v1/objects").status, 405);
    EXPECT_EQ(get(std::string(kObject) + "updated").status, 405);
    EXPECT_EQ(get("/spi/v1/objects/acme/resend").status, 405);
    for (const char* method : {"DELETE", "POST"}) {
        EXPECT_EQ(ask(std::string(method) + " " + kObject + "data HTTP/1.1\r\nHost: h\r\n" + kNode + "Content-Length: 0\r\n\r\n").status,
                  405);
    }
}

using SpiNotification = CssTest;

TEST_F(SpiNotification, CarriesItsContentInTheUrl) {
    const std::pair<const char*, Command> rows[] = {{"updated", Command::Updated},         {"received", Command::Received},
                                                    {"ackreceived", Command::AckReceived}, {"consumed", Command::Consumed},
                                                    {"ackconsumed", Command::AckConsumed}, {"ackDelete", Command::AckDelete},
                                                    {"ackDeleted", Command::AckDeleted}};
    for (const auto& [action, command] : rows) {
        EXPECT_EQ(put(std::string(kObject) + action).status, 204) << action;
        const Message message = host.handled().back().message;
        EXPECT_EQ(message.command, command);
        EXPECT_EQ(message.key(), (ObjectKey{"acme", "model", "m1"}));
        EXPECT_EQ(message.meta.instance_id, 17);
        EXPECT_EQ(message.meta.data_id, 16);
    }
    EXPECT_EQ(put("/spi/v1/objects/acme/model/m1/17/updated").status, 204);
    EXPECT_EQ(host.handled().back().message.meta.data_id, 0);
}

TEST_F(SpiNotification, CarriesMetadataInTheBodyOfUpdateDeleteAndDeleted) {
    for (const auto& [action, command] :
         {std::pair{"update", Command::Update}, std::pair{"delete", Command::Delete}, std::pair{"deleted", Command::Deleted}}) {
        EXPECT_EQ(put(std::string(kObject) + action, metadata()).status, 204) << action;
        const Message message = host.handled().back().message;
        EXPECT_EQ(message.command, command);
        EXPECT_EQ(message.meta.instance_id, 17);
        EXPECT_EQ(message.meta.data_id, 15);
        EXPECT_EQ(message.meta.origin_id, "n1");
    }
    EXPECT_EQ(put(std::string(kObject) + "update", metadata("m1", 0)).status, 204);
    EXPECT_EQ(host.handled().back().message.meta.instance_id, 17);
}

TEST_F(SpiNotification, MustSayTheSameInUrlAndBody) {
    for (const std::string& body : {metadata("m2"), metadata("m1", 18), std::string("{"), std::string("[]"), std::string()}) {
        const Answer answer = put(std::string(kObject) + "update", body);
        EXPECT_EQ(answer.status, 400) << body;
        ASSERT_FALSE(answer.body.empty());
        EXPECT_EQ(answer.body.find('\n'), answer.body.size() - 1);
    }
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiNotification, CarriesFeedback) {
    EXPECT_EQ(put(std::string(kObject) + "feedback", R"({"Code":5,"RetryInterval":7,"Reason":"gone"})").status, 204);
    const Message message = host.handled().back().message;
    EXPECT_EQ(message.command, Command::Feedback);
    EXPECT_EQ(message.feedback.code, 5);
    EXPECT_EQ(message.feedback.retry_seconds, 7);
    EXPECT_EQ(message.feedback.reason, "gone");
    EXPECT_EQ(put(std::string(kObject) + "feedback", "no").status, 400);
}

TEST_F(SpiNotification, NeedsNoLengthAndNoContentType) {
    const std::string body = metadata();
    char size[20];
    std::snprintf(size, sizeof size, "%zx", body.size());
    EXPECT_EQ(ask("PUT " + std::string(kObject) + "update HTTP/1.1\r\nHost: h\r\n" + kNode + "Transfer-Encoding: chunked\r\n\r\n" + size +
                  "\r\n" + body + "\r\n0\r\n\r\n")
                  .status,
              204);
}

TEST_F(SpiNotification, AsksForEverythingAgain) {
    EXPECT_EQ(put("/spi/v1/objects/acme/resend").status, 204);
    EXPECT_EQ(host.handled().back().message.command, Command::Resend);
}

TEST_F(SpiNotification, IsAnsweredByItsVerdict) {
    const std::pair<Verdict, int> rows[] = {{Verdict::Ignored, 409},     {Verdict::UnknownPeer, 424}, {Verdict::NotFound, 404},
                                            {Verdict::Invalid, 400},     {Verdict::Refused, 403},     {Verdict::Busy, 429},
                                            {Verdict::Unavailable, 503}, {Verdict::Failed, 500}};
    for (const auto& [verdict, status] : rows) {
        host.verdict = {verdict, {}, "two\nlines"};
        const Answer answer = put(std::string(kObject) + "updated");
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.body, status == 404 || status == 424 ? "" : "two lines\n") << status;
        EXPECT_EQ(answer.has("Retry-After: 2"), status == 429 || status == 503) << status;
    }
}

TEST_F(SpiNotification, ThatFailsFiveTimesInASecondIsSlowedDown) {
    host.verdict = {Verdict::Failed, {}, "broken"};
    EXPECT_EQ(statuses_within_a_second(7, "updated"), (std::vector<int>{500, 500, 500, 500, 500, 429, 429}));
    const std::string last = host.handled().back().message.meta.object_id;
    const auto handled = host.handled();
    EXPECT_EQ(std::count_if(handled.begin(), handled.end(), [&](const auto& one) { return one.message.meta.object_id == last; }), 5);
    EXPECT_EQ(put("/spi/v1/objects/acme/model/" + last + "/17/16/received").status, 500) << "another call of the same node";
}

TEST_F(SpiNotification, ThatIsStaleIsNeverSlowedDown) {
    host.verdict = {Verdict::Ignored, {}, "stale"};
    for (int i = 0; i < 8; ++i) EXPECT_EQ(put(std::string(kObject) + "updated").status, 409);
}

class SpiPoll : public CssTest {
protected:
    static PollResult one_item() {
        PollResult result;
        Message message;
        message.command = Command::Delete;
        message.meta.org = "acme";
        message.meta.object_type = "model";
        message.meta.object_id = "m1";
        message.meta.instance_id = 17;
        result.items.push_back(message);
        return result;
    }
};

TEST_F(SpiPoll, AnswersWithItemsOrNothing) {
    for (const char* path : {"/spi/v1/objects/", "/spi/v1/objects"}) {
        host.poll_result = {};
        const Answer empty = get(path);
        EXPECT_EQ(empty.status, 204) << path;
        EXPECT_EQ(empty.head.find("Preference-Applied"), std::string::npos);
        host.poll_result = one_item();
        const Answer full = get(path);
        EXPECT_EQ(full.status, 200);
        EXPECT_TRUE(full.has("Content-Type: application/json"));
        const auto items = codec::poll_items_from_json(full.body);
        ASSERT_EQ(items.size(), 1U);
        EXPECT_EQ(items[0].command, Command::Delete);
        EXPECT_EQ(items[0].meta.instance_id, 17);
    }
    host.poll_result = {};
    host.poll_result.verdict = Verdict::UnknownPeer;
    EXPECT_EQ(get("/spi/v1/objects/").status, 424);
    host.poll_result.verdict = Verdict::Unavailable;
    EXPECT_EQ(get("/spi/v1/objects/").status, 503);
}

TEST_F(SpiPoll, WaitsAsLongAsTheHostGrants) {
    Client client(css.listener.port());
    client.send("GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\n" + kNode + "Prefer: respond-async, wait=60\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return host.polls().size() == 1; }));
    EXPECT_EQ(host.polls()[0].wait, 60s);
    PollResult result = one_item();
    result.granted = 53s;
    ASSERT_TRUE(host.answer_parked(result));
    const Answer answer = client.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.has("Preference-Applied: wait=53"));
    EXPECT_TRUE(host.cancelled().empty());
}

TEST_F(SpiPoll, IsReleasedWithNothing) {
    Client client(css.listener.port());
    client.send("GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\n" + kNode + "Prefer: wait=999\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return host.polls().size() == 1; }));
    EXPECT_EQ(host.polls()[0].wait, 300s);
    PollResult result;
    result.granted = 50s;
    ASSERT_TRUE(host.answer_parked(result));
    const Answer answer = client.receive();
    EXPECT_EQ(answer.status, 204);
    EXPECT_TRUE(answer.has("Preference-Applied: wait=50"));
    client.send("GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\n" + kNode + "\r\n");
    EXPECT_EQ(client.receive().status, 204) << "the connection goes on";
}

TEST_F(SpiPoll, OfANodeThatLeavesIsCancelled) {
    {
        Client client(css.listener.port());
        client.send("GET /spi/v1/objects/ HTTP/1.1\r\nHost: h\r\n" + kNode + "Prefer: wait=60\r\n\r\n");
        ASSERT_TRUE(eventually([&] { return host.polls().size() == 1; }));
    }
    ASSERT_TRUE(eventually([&] { return !host.cancelled().empty(); }));
    EXPECT_EQ(host.cancelled(), (std::vector<std::uint64_t>{7}));
}

using SpiHostile = CssTest;

TEST_F(SpiHostile, NobodyWithoutCredentialsMakesTheServiceCollectALargeBody) {
    // The body never comes: what is answered is answered by the head alone.
    for (const char* framing : {"Content-Length: 100000", "Transfer-Encoding: chunked"}) {
        for (const char* path :
             {"/spi/v1/objects/acme/t/i/1/1/update", "/spi/v1/register/acme/edge/n1", "/spi/v1/objects/", "/spi/v1/nothing"}) {
            for (const char* method : {"PUT", "POST", "GET"}) {
                Client client(css.listener.port());
                const Answer answer = client.ask(std::string(method) + " " + path + " HTTP/1.1\r\nHost: h\r\n" + framing + "\r\n\r\n");
                EXPECT_EQ(answer.status, 403) << method << " " << path << " " << framing;
            }
        }
    }
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiHostile, ABodyWithoutEndIsTooLarge) {
    Client client(css.listener.port());
    client.send("PUT /spi/v1/objects/acme/t/i/1/1/update HTTP/1.1\r\nHost: h\r\n" + kNode + "Transfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, '[') + "\r\n";
    for (int i = 0; i < 65; ++i) client.send(chunk);
    const Answer answer = client.receive();
    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(answer.has("Connection: close"));
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiHostile, AMetadataBodyHasItsLimits) {
    const std::string path = "/spi/v1/objects/acme/t/i/1/1/update";
    for (const std::string& body : {std::string("{"), std::string(""), std::string(1000, '['), std::string("{\"objectID\":\"\xff\"}"),
                                    std::string("{\"consumers\":1e999}"), std::string("[]"), '"' + std::string(3'000'000, '<')}) {
        const Answer answer = put(path, body);
        EXPECT_EQ(answer.status, 400) << body.substr(0, 50);
        EXPECT_LT(answer.body.size(), 1100U);
        EXPECT_EQ(answer.body.find('<'), std::string::npos);
    }
    EXPECT_TRUE(host.handled().empty());
}

TEST_F(SpiHostile, APathThatMeansTwoThingsIsRefused) {
    for (const char* path :
         {"/spi/v1/objects//t/i/1/1/updated", "/spi/v1/objects/acme/./i/1/1/updated", "/spi/v1/objects/acme/../i/1/1/updated",
          "/spi/v1/objects/acme/t/%2e%2e/1/1/updated", "/spi/v1/objects/acme/t%2Fi/1/1/updated", "/spi/v1/objects/acme/t/i%00/1/1/updated",
          "/spi/v1/objects/acme/t/i%0a/1/1/updated", "/spi/v1/objects/acme/t/i/%/1/updated", "/spi/v1/objects/acme/t/i/1/1/updated/x",
          "/spi/v1/objects/acme/t/i/9223372036854775808/1/updated", "/spi/v1/objects/acme/t/i/+1/1/updated",
          "/spi/v1/objects/acme/t/i/0x1/1/updated", "/spi/v1/objects/acme/t/i/1/1/UPDATED", "/spi/v1//register/acme/edge/n1",
          "/spi/v1//objects/acme/t/i/1/1", "/spi/v1/objects//acme/t/i/1/1"}) {
        EXPECT_EQ(put(path).status, 400) << path;
        EXPECT_EQ(put(path + std::string("/data"), "x").status, 400) << path;
    }
    EXPECT_TRUE(host.handled().empty());
}

}  // namespace
}  // namespace edgesync::transport_http::test
