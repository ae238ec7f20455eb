// Request bodies: collected and streamed.
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

std::string chunked(const std::string& body, std::size_t piece, const std::string& extension = {}) {
    std::string out = "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    char size[20];
    for (std::size_t at = 0; at < body.size(); at += piece) {
        const std::string part = body.substr(at, piece);
        std::snprintf(size, sizeof size, "%zx", part.size());
        out += size + extension + "\r\n" + part + "\r\n";
    }
    return out + "0\r\nX-Trailer: 1\r\n\r\n";
}

/// What a sink is told, and what it does.
struct Record {
    std::mutex mutex;
    std::string octets;
    std::size_t windows = 0;
    std::size_t largest = 0;
    int starts = 0, finishes = 0, aborts = 0, ends = 0;
    bool is_wanted = true;
    std::size_t enough = SIZE_MAX;  ///< Refuses the window that reaches it.
    bool throws = false;
    Gate aborted, ended, started;
};

class RecordingSink : public HttpBodySink {
public:
    RecordingSink(Record& record, std::shared_ptr<HttpResponder> responder) : record_(record), responder_(std::move(responder)) {}
    ~RecordingSink() override {
        ++record_.ends;
        record_.ended.open();
    }
    bool start() override {
        const std::lock_guard lock(record_.mutex);
        ++record_.starts;
        record_.started.open();
        if (!record_.is_wanted) answer(403, "no");
        return record_.is_wanted;
    }
    bool write(std::span<const std::byte> window) override {
        const std::lock_guard lock(record_.mutex);
        if (record_.throws) throw std::runtime_error("disk");
        ++record_.windows;
        record_.largest = std::max(record_.largest, window.size());
        record_.octets.append(reinterpret_cast<const char*>(window.data()), window.size());
        if (record_.octets.size() < record_.enough) return true;
        answer(409, "enough");
        return false;
    }
    void finish() override {
        ++record_.finishes;
        answer(200, "whole");
    }
    void abort() noexcept override {
        ++record_.aborts;
        record_.aborted.open();
    }

private:
    void answer(int status, const std::string& text) {
        HttpResponse response;
        response.status = status;
        response.body = text;
        responder_->send(std::move(response));
    }
    Record& record_;
    std::shared_ptr<HttpResponder> responder_;
};

struct StreamServer {
    explicit StreamServer(ListenerOptions options = {}) : server(std::move(options)) {
        server.handler.on_stream = [this](const HttpRequest& request,
                                          const std::shared_ptr<HttpResponder>& responder) -> std::unique_ptr<HttpBodySink> {
            if (request.method != "PUT") return nullptr;
            return std::make_unique<RecordingSink>(record, responder);
        };
    }
    Record record;
    Server server;
};

TEST(Body, IsCollectedHoweverItIsCut) {
    Server server;
    Client client(server.port());
    const std::string body = pattern(300000);
    const std::string expected = "PUT /a  " + body;
    EXPECT_EQ(client.ask(put("/a", body)).body, expected);
    EXPECT_EQ(client.ask(chunked(body, 70001)).body, expected);
    EXPECT_EQ(client.ask(chunked(body.substr(0, 3000), 7, ";a=b")).body, "PUT /a  " + body.substr(0, 3000));
    EXPECT_EQ(client.ask(chunked("", 1)).body, "PUT /a  ");
}

TEST(Body, MayComeOctetByOctet) {
    Server server;
    Client client(server.port());
    for (const std::string& request : {put("/a", "xyz"), chunked("0123456789", 4)}) {
        for (const char octet : request) client.send(std::string(1, octet));
        EXPECT_EQ(client.receive().status, 200);
    }
}

TEST(Body, IsAskedForWithAnInterimAnswerWhenTheClientWaits) {
    Server server;
    Client client(server.port());
    EXPECT_EQ(client.ask("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").status, 100);
    EXPECT_EQ(client.ask("abc").body, "PUT /a  abc");
    EXPECT_EQ(client.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").status, 200) << "nothing to ask for";
}

TEST(Body, IsNotAskedForByAnHttp10Client) {
    Server server;
    Client client(server.port());
    EXPECT_EQ(client.ask("PUT /a HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc").status, 200);
}

TEST(StreamedBody, ArrivesInWindowsOfBoundedSize) {
    ListenerOptions options;
    options.window_bytes = 64 * 1024;
    StreamServer s(options);
    Client client(s.server.port());
    const std::string body = pattern(3 * 1024 * 1024 + 17);
    EXPECT_EQ(client.ask(put("/a", body)).body, "whole");
    EXPECT_EQ(s.record.octets == body, true);
    EXPECT_EQ(s.record.largest, 64U * 1024U);
    EXPECT_EQ(s.record.starts, 1);
    EXPECT_EQ(s.record.finishes, 1);
    s.record.octets.clear();
    EXPECT_EQ(client.ask(chunked(body, 99999)).body, "whole");
    EXPECT_EQ(s.record.octets == body, true);
    EXPECT_EQ(s.record.largest, 64U * 1024U);
    EXPECT_EQ(s.record.aborts, 0);
}

TEST(StreamedBody, ThatIsSmallOrEmptyIsStreamedToo) {
    StreamServer s;
    Client client(s.server.port());
    EXPECT_EQ(client.ask(put("/a", "abc")).body, "whole");
    EXPECT_EQ(s.record.octets, "abc");
    EXPECT_EQ(client.ask(put("/a", "")).body, "whole");
    EXPECT_EQ(s.record.finishes, 2);
    EXPECT_EQ(s.record.windows, 1U);
}

TEST(StreamedBody, OfAnySizeAroundThoseThatMatterIsTakenWhole) {
    StreamServer s;
    Client client(s.server.port());
    for (const std::size_t size : {64U * 1024U, 64U * 1024U + 1U, 256U * 1024U, 256U * 1024U + 1U}) {
        s.record.octets.clear();
        const std::string body = pattern(size);
        EXPECT_EQ(client.ask(put("/a", body)).body, "whole") << size;
        EXPECT_TRUE(s.record.octets == body) << size;
    }
    EXPECT_EQ(s.record.starts, 4);
}

TEST(StreamedBody, TheSinkDecidesBeforeTheClientIsAskedForIt) {
    StreamServer s;
    Client client(s.server.port());
    EXPECT_EQ(client.ask("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").status, 100);
    EXPECT_EQ(s.record.starts, 1);
    EXPECT_EQ(client.ask("abc").body, "whole");
    s.record.is_wanted = false;
    const Answer answer = client.ask("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(answer.status, 403);
    EXPECT_TRUE(answer.has("Connection: close")) << "the client may send the body or not; nobody can know";
    EXPECT_TRUE(client.is_closed());
}

TEST(StreamedBody, AnEarlyAnswerIsSentAndAShortRestIsDiscarded) {
    ListenerOptions options;
    options.window_bytes = 16 * 1024;
    StreamServer s(options);
    s.record.enough = 1;
    Client client(s.server.port());
    EXPECT_EQ(client.ask(put("/a", pattern(100000))).body, "enough");
    EXPECT_EQ(client.ask(get("/next")).status, 200) << "the connection goes on";
    EXPECT_EQ(s.record.aborts, 0);
}

TEST(StreamedBody, AnEarlyAnswerReachesAClientThatStillSends) {
    StreamServer s;
    s.record.is_wanted = false;
    Client client(s.server.port());
    const Answer answer = client.ask(put("/a", pattern(3 * 1024 * 1024)));
    EXPECT_EQ(answer.status, 403);
    EXPECT_TRUE(answer.has("Connection: close"));
    EXPECT_EQ(s.record.windows, 0U);
}

TEST(StreamedBody, AnEarlyAnswerDoesNotWaitForASlowClient) {
    ListenerOptions options;
    options.window_bytes = 16 * 1024;
    StreamServer s(options);
    s.record.is_wanted = false;
    Client client(s.server.port());
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the begin");
    EXPECT_EQ(client.receive().status, 403);
}

TEST(StreamedBody, AnEarlyAnswerComesBeforeABodyThatWouldFitIntoAWindow) {
    StreamServer s;
    s.record.is_wanted = false;
    Client client(s.server.port());
    const std::string body = pattern(64 * 1024 + 1);
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    EXPECT_EQ(client.receive().status, 403);
    client.send(body);
    EXPECT_EQ(client.ask(get("/next")).status, 200) << "the connection goes on";
    EXPECT_EQ(s.record.windows, 0U);
}

TEST(StreamedBody, ABrokenConnectionAbortsTheSink) {
    StreamServer s;
    {
        Client client(s.server.port());
        client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the begin");
        EXPECT_TRUE(s.record.started.wait());
    }
    EXPECT_TRUE(s.record.aborted.wait());
    EXPECT_TRUE(s.record.ended.wait());
    EXPECT_EQ(s.record.finishes, 0);
    EXPECT_EQ(s.record.aborts, 1);
}

TEST(StreamedBody, AStalledConnectionAbortsTheSink) {
    ListenerOptions options;
    options.body_timeout = 1s;
    StreamServer s(options);
    Client client(s.server.port());
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the begin");
    EXPECT_TRUE(s.record.aborted.wait());
    const Answer answer = client.receive();
    EXPECT_EQ(answer.head, "");
}

TEST(StreamedBody, BadChunksAbortTheSinkAndAreAnswered) {
    StreamServer s;
    Client client(s.server.port());
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
    EXPECT_EQ(client.receive().status, 400);
    EXPECT_TRUE(s.record.aborted.wait());
}

TEST(StreamedBody, AnExceptionOfTheSinkIsAnInternalError) {
    StreamServer s;
    s.record.throws = true;
    Client client(s.server.port());
    EXPECT_EQ(client.ask(put("/a", "abc")).status, 500);
    const std::lock_guard lock(s.server.log_mutex);
    ASSERT_EQ(s.server.log.size(), 1U);
    EXPECT_NE(s.server.log[0].find("disk"), std::string::npos);
}

TEST(StreamedBody, StoppingTheListenerAbortsTheSink) {
    StreamServer s;
    Client client(s.server.port());
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the begin");
    EXPECT_TRUE(s.record.started.wait());
    s.server.listener.stop();
    EXPECT_TRUE(s.record.aborted.wait());
    EXPECT_EQ(s.server.listener.connections(), 0U);
}

TEST(StreamedBody, ABusyPoolHoldsTheClientBackInsteadOfFailing) {
    StreamServer s;
    ops::WorkerPool one(1, 1);
    Listener listener(loopback(), s.server.router, s.server.io, one);
    listener.start();
    Gate gate;
    ASSERT_TRUE(one.try_post([&] { gate.wait(); }));
    ASSERT_TRUE(eventually([&] { return one.try_post([] {}); }));
    Client client(listener.port());
    client.send(put("/a", "abc"));
    EXPECT_FALSE(one.try_post([] {}));
    gate.open();
    EXPECT_EQ(client.receive().body, "whole");
    listener.stop();
    one.stop();
}

}  // namespace
}  // namespace edgesync::http::test
