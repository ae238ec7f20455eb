// What is refused, and how.
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

struct Row {
    std::string name;
    std::string octets;
    int status;
};

TEST(Limits, ARequestThatCannotBeUnderstoodIsRefusedAndTheConnectionEnds) {
    const std::string post = "POST /a HTTP/1.1\r\nHost: a\r\n";
    const std::vector<Row> rows = {
        {"no request", "nonsense\r\n\r\n", 400},
        {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400},
        {"unknown version", "GET / HTTP/2.0\r\n\r\n", 400},
        {"target without slash", "GET abc HTTP/1.1\r\n\r\n", 400},
        {"both lengths", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400},
        {"both lengths, other order", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {"differing lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
        {"differing lengths in one header", post + "Content-Length: 3, 4\r\n\r\nabcd", 400},
        {"negative length", post + "Content-Length: -3\r\n\r\n", 400},
        {"signed length", post + "Content-Length: +3\r\n\r\nabc", 400},
        {"no length", post + "Content-Length: \r\n\r\n", 400},
        {"huge length", post + "Content-Length: 18446744073709551615\r\n\r\n", 400},
        {"unknown coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"identity", post + "Transfer-Encoding: identity\r\n\r\n", 501},
        {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"chunked in HTTP/1.0", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 400},
        {"negative chunk size", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n", 400},
        {"overflowing chunk size", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n0\r\n\r\n", 400},
        {"chunk longer than said", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
        {"long request line", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", 414},
        {"endless request line", "GET /" + std::string(60000, 'a'), 414},
        {"long header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40000, 'a') + "\r\n\r\n", 431},
        {"endless header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40000, 'a'), 431},
    };
    Server server;
    for (const Row& row : rows) {
        Client client(server.port());
        client.send(row.octets);
        client.end_output();
        const Answer answer = client.receive();
        EXPECT_EQ(answer.status, row.status) << row.name;
        EXPECT_TRUE(answer.has("Connection: close")) << row.name;
        EXPECT_EQ(answer.body, row.status == 400 ? "400 Bad Request" : "") << row.name;
        EXPECT_TRUE(client.is_closed()) << row.name;
    }
}

TEST(Limits, ManySmallHeadersCountTogether) {
    Server server;
    Client client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 40; ++i) client.send("X-" + std::to_string(i) + ": " + std::string(1000, 'a') + "\r\n");
    client.send("\r\n");
    EXPECT_EQ(client.receive().status, 431);
}

TEST(Limits, WhatJustFitsIsServed) {
    Server server;
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/" + std::string(8000, 'a'))).status, 200);
    EXPECT_EQ(client.ask(get("/", "X: " + std::string(30000, 'a') + "\r\n")).status, 200);
    EXPECT_EQ(client.ask("\r\n" + get("/")).status, 200) << "an empty line before a request is ignored";
}

TEST(Limits, ABodyBeyondTheHandlersLimitIsTooLarge) {
    Server server;
    server.handler.limit = 10;
    const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(Client(server.port()).ask(put("/", "0123456789")).status, 200);
    EXPECT_EQ(Client(server.port()).ask(put("/", "01234567890")).status, 413);
    EXPECT_EQ(Client(server.port()).ask(chunked + "a\r\n0123456789\r\n0\r\n\r\n").status, 200);
    EXPECT_EQ(Client(server.port()).ask(chunked + "b\r\n01234567890\r\n0\r\n\r\n").status, 413);
    Client client(server.port());
    const Answer answer = client.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(answer.status, 413) << "no 100 before it";
    EXPECT_TRUE(answer.has("Connection: close"));
}

TEST(Limits, ASlowHeadIsCutOffWhileOthersAreServed) {
    ListenerOptions options;
    options.header_timeout = 3s;  // Also of the others, who may be slow because the machine is.
    Server server(options);
    Client slow(server.port());
    slow.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    Client other(server.port());
    int served = 0;
    EXPECT_TRUE(eventually([&] {
        slow.send("a");
        if (other.ask(get("/")).status == 200) ++served;
        std::this_thread::sleep_for(20ms);
        return slow.has_news();
    })) << "octets now and then do not buy time";
    EXPECT_GT(served, 10);
    EXPECT_TRUE(slow.is_closed());
    EXPECT_EQ(other.ask(get("/")).status, 200);
}

TEST(Limits, AStalledBodyIsCutOff) {
    ListenerOptions options;
    options.body_timeout = 1s;
    Server server(options);
    Client client(server.port());
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(client.is_closed());
}

TEST(Limits, AnIdleConnectionIsClosed) {
    ListenerOptions options;
    options.keep_alive_timeout = 1s;
    Server server(options);
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/")).status, 200);
    EXPECT_TRUE(client.is_closed());
}

TEST(Limits, AConnectionTooManyIsTurnedAway) {
    ListenerOptions options;
    options.max_connections = 2;
    Server server(options);
    Client first(server.port());
    EXPECT_EQ(first.ask(get("/")).status, 200);
    auto second = std::make_unique<Client>(server.port());
    EXPECT_EQ(second->ask(get("/")).status, 200);
    Client third(server.port());
    EXPECT_EQ(third.receive().status, 503);
    second.reset();
    EXPECT_TRUE(eventually([&] { return server.listener.connections() == 1; }));
    EXPECT_EQ(Client(server.port()).ask(get("/")).status, 200);
}

TEST(Limits, WithoutAFreeWorkerARequestIsTurnedAway) {
    ListenerOptions options;
    options.host = "127.0.0.1";
    options.may_block = [](const HttpRequest&) { return true; };
    Server server;
    ops::WorkerPool full(1, 0);
    Listener listener(options, server.router, server.io, full);
    listener.start();
    Client client(listener.port());
    const Answer answer = client.ask(get("/"));
    EXPECT_EQ(answer.status, 503);
    EXPECT_TRUE(answer.has("Retry-After: 1"));
}

}  // namespace
}  // namespace edgesync::http::test
