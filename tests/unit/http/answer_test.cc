// How answers look on the wire.
#include <gtest/gtest.h>

#include <ctime>
#include <set>
#include <stdexcept>
#include <thread>

#include "edgesync/sdk/error.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

/// Answers every request with what `make` returns.
void answer_with(Server& server, std::function<HttpResponse()> make) {
    server.handler.on_handle = [make = std::move(make)](HttpRequest, std::shared_ptr<HttpResponder> responder) { responder->send(make()); };
}

HttpResponse blob_response(const std::string& octets, bool has_file, std::int64_t offset, std::int64_t length) {
    HttpResponse response;
    response.blob = std::make_unique<TestBlob>(octets, has_file);
    response.blob_offset = offset;
    response.blob_length = length;
    return response;
}

TEST(Answer, HasItsHeadersAndLength) {
    Server server;
    answer_with(server, [] {
        HttpResponse response;
        response.status = 201;
        response.content_type = "application/json";
        response.headers = {{"X-A", "b"}, {"X-Evil", "a\r\nInjected: 1"}};
        response.body = "{}";
        return response;
    });
    const Answer answer = Client(server.port()).ask(get("/"));
    EXPECT_EQ(answer.status, 201);
    EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 201 Created\r\n"));
    EXPECT_TRUE(answer.has("X-A: b"));
    EXPECT_TRUE(answer.has("Content-Type: application/json"));
    EXPECT_TRUE(answer.has("Content-Length: 2"));
    EXPECT_FALSE(answer.has("Injected: 1"));
    EXPECT_EQ(answer.body, "{}");
}

TEST(Answer, SaysWhenItWasMade) {
    Server server;
    answer_with(server, [] { return status_response(404); });
    const std::time_t before = std::time(nullptr);
    const std::string head = Client(server.port()).ask(get("/")).head;
    std::tm parts{};
    const auto at = head.find("\r\nDate: ");
    ASSERT_NE(at, std::string::npos) << head;
    const char* rest = ::strptime(head.c_str() + at + 8, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    ASSERT_NE(rest, nullptr) << head;
    EXPECT_TRUE(std::string_view(rest).starts_with("\r\n")) << head;
    EXPECT_GE(::timegm(&parts), before);
    EXPECT_LE(::timegm(&parts), std::time(nullptr));
}

TEST(Answer, WithoutContentHasNoLength) {
    Server server;
    answer_with(server, [] { return status_response(204); });
    Client client(server.port());
    const Answer answer = client.ask(get("/"));
    EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 204 No Content\r\nDate: ")) << answer.head;
    EXPECT_EQ(answer.head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(answer.head.find("Transfer-Encoding"), std::string::npos);
    EXPECT_EQ(client.ask(get("/")).status, 204);
}

TEST(Answer, ToAHeadHasNoBody) {
    Server server;
    answer_with(server, [] { return blob_response("0123456789", true, 0, 10); });
    Client client(server.port());
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.receive(false).has("Content-Length: 10"));
    EXPECT_EQ(client.ask(get("/")).body, "0123456789") << "the connection is in step";
}

TEST(Answer, SendsTheRangeOfABlob) {
    struct Range {
        std::int64_t offset, length;
    };
    const std::string octets = pattern(5 * 1024 * 1024 + 13);
    for (const bool has_file : {true, false}) {
        for (const Range range : {Range{0, 5 * 1024 * 1024 + 13}, Range{1, 3 * 1024 * 1024}, Range{5 * 1024 * 1024 + 12, 1}, Range{7, 0}}) {
            Server server;
            answer_with(server, [&] { return blob_response(octets, has_file, range.offset, range.length); });
            Client client(server.port());
            for (int i = 0; i < 2; ++i) {
                const Answer answer = client.ask(get("/"));
                const auto expected = octets.substr(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length));
                EXPECT_EQ(answer.body == expected, true) << has_file << " " << range.offset << " got " << answer.body.size();
            }
        }
    }
}

TEST(Answer, EndsTheConnectionWhenABlobIsShorterThanPromised) {
    for (const bool has_file : {true, false}) {
        Server server;
        answer_with(server, [&] { return blob_response("short", has_file, 0, 100); });
        Client client(server.port());
        EXPECT_EQ(client.ask(get("/")).status, 0) << "incomplete";
        EXPECT_TRUE(server.listener.wait_idle(30s));
    }
}

TEST(Answer, GeneratedPiecesAreChunked) {
    Server server;
    const std::string octets = pattern(1000000);
    answer_with(server, [&] {
        HttpResponse response;
        response.generate = [&octets, at = std::size_t{0}](std::string& out) mutable {
            out += octets.substr(at, 65536);
            at += 65536;
            return at < octets.size();
        };
        return response;
    });
    Client client(server.port());
    for (int i = 0; i < 2; ++i) {
        const Answer answer = client.ask(get("/"));
        EXPECT_TRUE(answer.has("Transfer-Encoding: chunked"));
        EXPECT_EQ(answer.body == octets, true);
    }
    const Answer old = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(old.has("Connection: close")) << "only the end of the connection can end it";
    EXPECT_EQ(old.body == octets, true);
}

TEST(Answer, AGeneratorMayEndWithAnEmptyPieceOrHaveNone) {
    Server server;
    int pieces = 0;
    answer_with(server, [&] {
        HttpResponse response;
        response.generate = [left = pieces](std::string& out) mutable {
            if (left == 0) return false;
            out += "x";
            --left;
            return true;
        };
        return response;
    });
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/")).body, "");
    pieces = 3;
    EXPECT_EQ(client.ask(get("/")).body, "xxx");
}

TEST(Answer, AFailingGeneratorEndsTheConnectionSoThatTheClientNotices) {
    Server server;
    answer_with(server, [] {
        HttpResponse response;
        response.generate = [count = 0](std::string& out) mutable {
            if (++count == 2) throw std::runtime_error("store");
            out += "begin";
            return true;
        };
        return response;
    });
    EXPECT_EQ(Client(server.port()).ask(get("/")).status, 0);
}

TEST(Answer, KeepsTheOrderOfPipelinedRequests) {
    Server server;
    Client client(server.port());
    std::string all;
    std::vector<std::string> expected;
    for (int i = 0; i < 500; ++i) {
        const std::string path = std::string("/").append(std::to_string(i));
        all += i % 3 == 0 ? put(path, "b") : get(path);
        expected.push_back(std::string(i % 3 == 0 ? "PUT " : "GET ").append(path).append(i % 3 == 0 ? "  b" : "  "));
    }
    client.send(all);
    for (const std::string& body : expected) EXPECT_EQ(client.receive().body, body);
}

TEST(Answer, FollowsTheClientsWishAboutTheConnection) {
    Server server;
    {
        Client client(server.port());
        const Answer answer = client.ask(get("/", "Connection: close\r\n"));
        EXPECT_TRUE(answer.has("Connection: close"));
        EXPECT_TRUE(client.is_closed());
    }
    {
        Client client(server.port());
        EXPECT_TRUE(client.ask("GET / HTTP/1.0\r\n\r\n").has("Connection: close"));
        EXPECT_TRUE(client.is_closed());
    }
    Client client(server.port());
    EXPECT_TRUE(client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").has("Connection: keep-alive"));
    EXPECT_EQ(client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").status, 200);
    answer_with(server, [] {
        HttpResponse response;
        response.close = true;
        return response;
    });
    EXPECT_TRUE(client.ask(get("/")).has("Connection: close"));
    EXPECT_TRUE(client.is_closed());
}

TEST(Answer, AnExceptionOfTheHandlerIsAnInternalErrorAndLogged) {
    for (const bool on_workers : {false, true}) {
        ListenerOptions options;
        options.may_block = [on_workers](const HttpRequest&) { return on_workers; };
        Server server(options);
        server.handler.on_handle = [](HttpRequest, std::shared_ptr<HttpResponder>) { throw Error(ErrorKind::Io, "no disk"); };
        Client client(server.port());
        const Answer answer = client.ask(get("/"));
        EXPECT_EQ(answer.status, 500);
        EXPECT_TRUE(answer.has("Content-Type: text/plain; charset=utf-8"));
        EXPECT_EQ(client.ask(get("/")).status, 500) << "the connection goes on";
        const std::lock_guard lock(server.log_mutex);
        ASSERT_EQ(server.log.size(), 2U);
        EXPECT_NE(server.log[0].find("no disk"), std::string::npos);
    }
}

TEST(Answer, ADroppedResponderIsAnInternalError) {
    Server server;
    server.handler.on_handle = [](HttpRequest, std::shared_ptr<HttpResponder>) {};
    Client client(server.port());
    const Answer answer = client.ask(get("/"));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, "");
}

TEST(Answer, IsTheSameFromAWorker) {
    ListenerOptions options;
    options.may_block = [](const HttpRequest&) { return true; };
    Server server(options);
    Client client(server.port());
    for (int i = 0; i < 100; ++i) EXPECT_EQ(client.ask(put("/a", "b")).body, "PUT /a  b");
}

TEST(Answer, OfARequestThatMayBlockAndOfNoOtherComesFromAWorker) {
    ListenerOptions options;
    options.may_block = [](const HttpRequest& request) { return request.header("X-Slow") == "yes"; };
    Server server(options);
    std::set<std::thread::id> choosers;
    server.handler.on_stream = [&](const HttpRequest&, const std::shared_ptr<HttpResponder>&) {
        choosers.insert(std::this_thread::get_id());
        return std::unique_ptr<HttpBodySink>();
    };
    std::thread::id handler;
    server.handler.on_handle = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        handler = std::this_thread::get_id();
        responder->send(HttpResponse{});
    };
    Client client(server.port());
    client.ask(put("/a", "b"));
    const std::thread::id loop = handler;
    client.ask(put("/a", "b"));
    EXPECT_EQ(handler, loop) << "a connection stays on its I/O thread";
    EXPECT_EQ(choosers, std::set{loop});
    choosers.clear();
    client.ask(put("/a", "b", "X-Slow: yes\r\n"));
    EXPECT_NE(handler, loop);
    EXPECT_FALSE(choosers.contains(loop));
    client.ask(get("/a", "X-Slow: yes\r\n"));
    EXPECT_NE(handler, loop);
}

TEST(Answer, OthersAreServedWhileAWorkerChoosesHowToTakeABody) {
    Gate gate;
    ListenerOptions options;
    options.may_block = [](const HttpRequest&) { return true; };
    Server server(options);
    server.handler.on_stream = [&](const HttpRequest& request, const std::shared_ptr<HttpResponder>&) {
        if (request.path == "/slow") gate.wait();  // As a store that keeps the caller's rights waiting.
        return std::unique_ptr<HttpBodySink>();
    };
    std::vector<std::unique_ptr<Client>> slow;
    for (int i = 0; i < 3; ++i) {  // More than there are loops.
        slow.push_back(std::make_unique<Client>(server.port()));
        slow.back()->send(put("/slow", "b"));
    }
    for (int i = 0; i < 4; ++i) EXPECT_EQ(Client(server.port()).ask(get("/")).status, 200);
    gate.open();
    for (auto& client : slow) EXPECT_EQ(client->receive().body, "PUT /slow  b");
}

TEST(Answer, TheFirstOfSeveralCounts) {
    Server server;
    server.handler.on_handle = [](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        responder->send(status_response(201));
        responder->send(status_response(202));
    };
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/")).status, 201);
    EXPECT_EQ(client.ask(get("/")).status, 201);
}

TEST(Answer, MayBeGivenWhileTheBodyIsJudged) {
    Server server;
    server.handler.on_stream = [](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->send(status_response(403));
        return nullptr;
    };
    Client client(server.port());
    EXPECT_EQ(client.ask(put("/", "abc")).status, 403);
    EXPECT_EQ(client.ask(get("/")).status, 403);
}

TEST(Answer, ThatNobodyReadsIsGivenUp) {
    ListenerOptions options;
    options.body_timeout = 1s;
    Gate asked;
    Server server(options);
    answer_with(server, [&] {
        asked.open();
        return body_response(std::string(32 * 1024 * 1024, 'x'));
    });
    Client client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(asked.wait());
    EXPECT_TRUE(server.listener.wait_idle(30s));
}

}  // namespace
}  // namespace edgesync::http::test
