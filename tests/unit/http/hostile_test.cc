// Requests that are made to be misunderstood: each has its answer, nothing hidden behind one is ever executed, and the next client is
// served.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <thread>

#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

using std::string;

const string kHidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

enum class Then { Closes, Stays };

struct Row {
    string name;
    string octets;
    int status;
    Then then = Then::Closes;
};

/// A server that remembers which paths were executed.
struct Witness {
    explicit Witness(ListenerOptions options = {}) : server(std::move(options)) {
        server.handler.on_handle = [this](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
            {
                const std::lock_guard lock(mutex);
                executed.push_back(request.path);
            }
            responder->send(body_response(request.body));
        };
    }
    bool has_executed(const string& path) {
        const std::lock_guard lock(mutex);
        return std::find(executed.begin(), executed.end(), path) != executed.end();
    }
    /// Sends a row's octets with a request behind them; that one must run exactly if the connection stays.
    void check(const Row& row) {
        {
            const std::lock_guard lock(mutex);
            executed.clear();
        }
        Client client(server.port());
        client.send(row.octets + kHidden);
        client.end_output();
        const Answer answer = client.receive();
        EXPECT_EQ(answer.status, row.status) << row.name;
        if (row.then == Then::Stays) {
            EXPECT_EQ(client.receive().status, 200) << row.name << ": the next request of the connection";
        } else {
            EXPECT_TRUE(answer.has("Connection: close")) << row.name;
            EXPECT_TRUE(client.is_closed()) << row.name;
        }
        EXPECT_EQ(has_executed("/hidden"), row.then == Then::Stays) << row.name;
        EXPECT_EQ(Client(server.port()).ask(get("/honest")).status, 200) << "after " << row.name;
    }
    void check_all(const std::vector<Row>& rows) {
        for (const Row& row : rows) check(row);
    }

    std::mutex mutex;
    std::vector<string> executed;
    Server server;
};

TEST(Hostile, AnAmbiguousLengthIsRefused) {
    const string post = "POST /a HTTP/1.1\r\nHost: a\r\n";
    const std::vector<Row> rows = {
        {"equal lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, Then::Stays},
        {"differing lengths", post + "Content-Length: 3\r\nContent-Length: 40\r\n\r\nabc", 400},
        {"two numbers", post + "Content-Length: 3 3\r\n\r\nabc", 400},
        {"hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400},
        {"length with a unit", post + "Content-Length: 3;a\r\n\r\nabc", 400},
        {"half a list of lengths", post + "Content-Length: 3,\r\n\r\nabc", 400},
        {"minus nothing", post + "Content-Length: -0\r\n\r\n", 400},
        {"length beyond 64 bits", post + "Content-Length: 18446744073709551619\r\n\r\nabc", 400},
        {"length beyond 63 bits", post + "Content-Length: 9223372036854775808\r\n\r\nabc", 400},
        {"length that nobody can send", post + "Content-Length: 9223372036854775807\r\n\r\nabc", 413},
        {"length with blanks around", post + "Content-Length: \t3 \r\n\r\nabc", 200, Then::Stays},
        {"length with leading zeros", post + "Content-Length: 0003\r\n\r\nabc", 200, Then::Stays},
        {"both, the length first", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"both, the coding first", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        {"both, the coding unknown", post + "Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
    };
    Witness().check_all(rows);
}

TEST(Hostile, OnlyTheOneCodingIsKnown) {
    const string post = "POST /a HTTP/1.1\r\nHost: a\r\n";
    const string body = "\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const std::vector<Row> rows = {
        {"twice in a list", post + "Transfer-Encoding: chunked, chunked" + body, 501},
        {"list with an end", post + "Transfer-Encoding: chunked," + body, 501},
        {"another before it", post + "Transfer-Encoding: gzip, chunked" + body, 501},
        {"another after it", post + "Transfer-Encoding: chunked, identity" + body, 501},
        {"similar name", post + "Transfer-Encoding: xchunked" + body, 501},
        {"parameter", post + "Transfer-Encoding: chunked;q=1" + body, 501},
        {"quoted", post + "Transfer-Encoding: \"chunked\"" + body, 501},
        {"empty", post + "Transfer-Encoding:" + body, 501},
        {"control character", post + "Transfer-Encoding: \x0b" + "chunked" + body, 400},
        {"space before the colon", post + "Transfer-Encoding : chunked" + body, 400},
        {"on the next line", post + "Transfer-Encoding:\r\n chunked" + body, 400},
        {"continued", post + "Transfer-Encoding: chunked\r\n\t" + body, 400},
        {"hidden in a continued line", post + "X: a\r\n Transfer-Encoding: chunked" + body, 400},
        {"blanks before", post + "Transfer-Encoding: \t chunked" + body, 200, Then::Stays},
        {"capitals", post + "transfer-encoding: CHUNKED" + body, 200, Then::Stays},
        {"HTTP/1.0", "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked" + body, 400},
    };
    Witness().check_all(rows);
}

TEST(Hostile, AChunkIsAsLongAsItSays) {
    const string post = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const string end = "0\r\n\r\n";
    const std::vector<Row> rows = {
        {"bare line feed behind the size", post + "3\nabc\r\n" + end, 400},
        {"blank before the size", post + " 3\r\nabc\r\n" + end, 400},
        {"blank behind the size", post + "3 \r\nabc\r\n" + end, 400},
        {"prefix", post + "0x3\r\nabc\r\n" + end, 400},
        {"sign", post + "+3\r\nabc\r\n" + end, 400},
        {"no size", post + "\r\nabc\r\n" + end, 400},
        {"65 bits", post + "10000000000000003\r\nabc\r\n" + end, 400},
        {"64 bits", post + "ffffffffffffffff\r\nabc\r\n" + end, 400},
        {"no line end behind the data", post + "3\r\nabc" + end, 400},
        {"bare line feed behind the data", post + "3\r\nabc\n" + end, 400},
        {"longer than it says", post + "2\r\nabc\r\n" + end, 400},
        {"line feed in an extension", post + "3;a=\"\n\"\r\nabc\r\n" + end, 400},
        {"control character in an extension", post + "3;a=\"\x01\"\r\nabc\r\n" + end, 400},
        {"no name of an extension", post + "3;\r\nabc\r\n" + end, 400},
        {"length in the trailer", post + "0\r\nContent-Length: 3\r\n\r\n", 400},
        {"coding in the trailer", post + "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"no header in the trailer", post + "0\r\nabc\r\n\r\n", 400},
        {"endless size", post + string(40000, '0'), 400},
        {"endless trailer", post + "0\r\nX: " + string(40000, 'a'), 400},
        {"extension", post + "3;a=b;c=\"d e\"\r\nabc\r\n" + end, 200, Then::Stays},
        {"leading zeros", post + "00003\r\nabc\r\n000\r\n\r\n", 200, Then::Stays},
    };
    Witness().check_all(rows);
}

TEST(Hostile, AHeaderThatOthersMayReadDifferentlyIsRefused) {
    const string get = "GET /a HTTP/1.1\r\n";
    const string host = "Host: a\r\n";
    const std::vector<Row> rows = {
        {"continued line", get + host + "X: a\r\n b\r\n\r\n", 400},
        {"line continued by a tab", get + host + "X: a\r\n\tb\r\n\r\n", 400},
        {"value on the next line", get + host + "X:\r\n b\r\n\r\n", 400},
        {"continued by nothing", get + host + "X: a\r\n \r\n\r\n", 400},
        {"first header begins with a blank", get + " Host: a\r\n\r\n", 400},
        {"tab before the colon", get + "Host\t: a\r\n\r\n", 400},
        {"no name", get + host + ": a\r\n\r\n", 400},
        {"blank in a name", get + host + "X Y: a\r\n\r\n", 400},
        {"no colon", get + host + "X\r\n\r\n", 400},
        {"NUL in a value", get + host + "X: a" + string(1, '\0') + "b\r\n\r\n", 400},
        {"NUL in a name", get + host + "X" + string(1, '\0') + ": b\r\n\r\n", 400},
        {"carriage return in a value", get + host + "X: a\rY: b\r\n\r\n", 400},
        {"line feed in a value", get + host + "X: a\nY: b\r\n\r\n", 400},
        {"DEL in a value", get + host + "X: a\x7f\r\n\r\n", 400},
        {"octet above ASCII in a name", get + host + "X\x80: a\r\n\r\n", 400},
        {"no host", get + "X: a\r\n\r\n", 400},
        {"two hosts", get + host + "Host: b\r\n\r\n", 400},
        {"a host twice", get + host + host + "\r\n", 400},
        {"blank in the host", get + "Host: a b\r\n\r\n", 400},
        {"path in the host", get + "Host: a/b\r\n\r\n", 400},
        {"user in the host", get + "Host: b@a\r\n\r\n", 400},
        {"two credentials", get + host + "Authorization: Basic YTph\r\nAuthorization: Basic YjpI\r\n\r\n", 400},
        {"two ranges", get + host + "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n", 400},
        {"two ranges of a body", "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 0-1/4\r\nContent-Range: bytes 2-3/4\r\n\r\n", 400},
        {"host is an address", get + "Host: [::1]:8080\r\n\r\n", 200, Then::Stays},
        {"host is empty", get + "Host:\r\n\r\n", 200, Then::Stays},
        {"octets above ASCII in a value", get + host + "X: \xC3\xA9\r\n\r\n", 200, Then::Stays},
        {"no host in HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", 200},
        {"two hosts in HTTP/1.0", "GET /a HTTP/1.0\r\n" + host + host + "\r\n", 400},
    };
    Witness().check_all(rows);
}

TEST(Hostile, ARequestLineHasThreeParts) {
    const string rest = "\r\nHost: a\r\n\r\n";
    const std::vector<Row> rows = {
        {"two blanks", "GET  / HTTP/1.1" + rest, 400},
        {"tab", "GET\t/ HTTP/1.1" + rest, 400},
        {"leading blank", " GET / HTTP/1.1" + rest, 400},
        {"trailing blank", "GET / HTTP/1.1 " + rest, 400},
        {"four parts", "GET / / HTTP/1.1" + rest, 400},
        {"small protocol", "GET / http/1.1" + rest, 400},
        {"another minor version", "GET / HTTP/1.2" + rest, 400},
        {"long version", "GET / HTTP/1.10" + rest, 400},
        {"no version", "GET /" + rest, 400},
        {"nothing but a method", "GET" + rest, 400},
        {"method with a separator", "G(T / HTTP/1.1" + rest, 400},
        {"NUL in the target", "GET /" + string(1, '\0') + " HTTP/1.1" + rest, 400},
        {"carriage return in the target", "GET /\rb HTTP/1.1" + rest, 400},
        {"bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"HTTP/0.9", "GET /\r\n", 400},
        {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        {"TLS on the plain port", string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + string(500, 'x'), 400},
        {"authority", "CONNECT a:80 HTTP/1.1" + rest, 400},
        {"absolute of another scheme", "GET ftp://a/b HTTP/1.1" + rest, 400},
        {"absolute without a host", "GET http:///b HTTP/1.1" + rest, 400},
        {"absolute without a scheme", "GET ://a/b HTTP/1.1" + rest, 400},
        {"absolute", "GET HTTPS://a:1/b?c HTTP/1.1" + rest, 200, Then::Stays},
        {"looks absolute", "GET /http://a HTTP/1.1" + rest, 200, Then::Stays},
    };
    Witness().check_all(rows);
}

TEST(Hostile, APathThatOthersWouldCleanUpIsRefusedAlsoWhereNobodyServesIt) {
    Witness witness;
    Router router;
    router.mount("/served", witness.server.handler);
    router.mount_exact("/hidden", witness.server.handler);
    Listener listener(loopback(), router, witness.server.io, witness.server.workers);
    listener.start();
    const std::vector<std::pair<string, int>> rows = {
        {"/other", 404},
        {"/servedx", 404},
        {"*", 404},
        {"//served/a", 400},
        {"/./served/a", 400},
        {"/x/../served/a", 400},
        {"/%2e%2E/served", 400},
        {"/a%2Fb", 400},
        {"/a%00", 400},
        {"/a%0d%0ab", 400},
        {"/%zz", 400},
        {"/a%", 400},
        {"/" + string(2000, 'a'), 400},
        {"/served/a", 200},
        {"/served", 200},
    };
    for (const auto& [path, status] : rows) {
        Client client(listener.port());
        client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" + kHidden);
        EXPECT_EQ(client.receive().status, status) << path;
        EXPECT_EQ(client.receive().status, 200) << "behind " << path;
    }
    listener.stop();
}

TEST(Hostile, ARefusedBodyIsNeverTakenForARequest) {
    Witness witness;
    witness.server.handler.limit = 10;
    const string hidden = kHidden + kHidden + kHidden;
    const string size = std::to_string(hidden.size());
    const string post = "POST /a HTTP/1.1\r\nHost: a\r\n";
    // What is short is thrown away as a body, and the connection goes on behind it.
    Client client(witness.server.port());
    client.send(post + "Content-Length: " + size + "\r\n\r\n" + hidden + get("/next"));
    EXPECT_EQ(client.receive().status, 413);
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_TRUE(witness.has_executed("/next"));
    EXPECT_FALSE(witness.has_executed("/hidden"));
    witness.check_all({
        {"a long one", post + "Content-Length: 1000000\r\n\r\n", 413},
        {"one of chunks", post + "Transfer-Encoding: chunked\r\n\r\n20\r\n" + string(32, 'a') + "\r\n0\r\n\r\n", 413},
        {"one that was not asked for", post + "Content-Length: " + size + "\r\nExpect: 100-continue\r\n\r\n", 413},
    });
}

TEST(Hostile, GarbageGetsAnAnswerOrAnEnd) {
    Server server;
    std::minstd_rand random(7);
    const string samples[] = {get("/a"), put("/a", "body"),
                              "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"};
    for (int i = 0; i < 500; ++i) {
        string octets = samples[random() % std::size(samples)];
        for (auto changes = 1 + random() % 8; changes > 0; --changes) octets[random() % octets.size()] = static_cast<char>(random() >> 8U);
        Client client(server.port());
        client.send(octets);
        client.end_output();
        for (Answer answer = client.receive(); answer.status != 0; answer = client.receive()) EXPECT_LT(answer.status, 502) << octets;
        EXPECT_TRUE(client.is_closed()) << octets;
    }
    EXPECT_EQ(Client(server.port()).ask(get("/honest")).status, 200);
    EXPECT_TRUE(eventually([&] { return server.listener.connections() == 0; }));
    const std::lock_guard lock(server.log_mutex);
    EXPECT_TRUE(server.log.empty()) << server.log.front();
}

TEST(Slow, ABodyThatComesByTheOctetIsCutOff) {
    ListenerOptions options;
    options.body_timeout = 1s;
    Server server(options);
    Client slow(server.port());
    slow.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    Client other(server.port());
    EXPECT_TRUE(eventually([&] {
        slow.send("a");
        EXPECT_EQ(other.ask(get("/")).status, 200);
        std::this_thread::sleep_for(20ms);
        return slow.has_news();
    })) << "octets now and then do not buy time";
    EXPECT_TRUE(slow.is_closed());
}

TEST(Slow, ABodyThatComesSteadilyIsServed) {
    ListenerOptions options;
    options.body_timeout = 4s;
    Server server(options);
    Client client(server.port());
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18000\r\n\r\n");
    // All of it takes longer than the limit, each part much less.
    for (int i = 0; i < 6; ++i) {
        std::this_thread::sleep_for(700ms);
        client.send(string(3000, 'a'));
    }
    EXPECT_EQ(client.receive().status, 200);
}

TEST(Slow, AnAnswerThatIsReadByTheOctetIsCutOffAndNobodyElseWaits) {
    auto large = std::make_unique<TestBlob>(pattern(64 * 1024 * 1024), true);
    ListenerOptions options;
    options.body_timeout = 1s;
    Server server(options);
    server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        HttpResponse response;
        if (request.path == "/large") {
            response.blob = std::move(large);
            response.blob_length = 64 * 1024 * 1024;
        }
        responder->send(std::move(response));
    };
    Client slow(server.port());
    slow.send(get("/large"));
    Client other(server.port());
    char octet;
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(other.ask(get("/")).status, 200);
        EXPECT_GE(::recv(slow.fd(), &octet, 1, 0), 0);
        return server.listener.connections() == 1;
    }));
}

TEST(Slow, AConnectionThatNeverSendsIsClosed) {
    ListenerOptions options;
    options.header_timeout = 1s;
    Server server(options);
    Client silent(server.port());
    Client empty(server.port());
    empty.send("\r\n\r\n\r\n");
    EXPECT_TRUE(silent.is_closed());
    EXPECT_TRUE(empty.is_closed());
}

TEST(Full, AConnectionTooManyReadsWhyEvenIfItSentItsRequestAtOnce) {
    ListenerOptions options;
    options.max_connections = 1;
    Server server(options);
    Client first(server.port());
    EXPECT_EQ(first.ask(get("/")).status, 200);
    for (int i = 0; i < 50; ++i) {
        Client next(server.port());
        next.send(put("/", string(20000, 'a')));
        const Answer answer = next.receive();
        EXPECT_EQ(answer.status, 503);
        EXPECT_TRUE(answer.has("Retry-After: 1"));
        EXPECT_TRUE(answer.has("Connection: close"));
    }
    EXPECT_EQ(first.ask(get("/")).status, 200);
}

}  // namespace
}  // namespace edgesync::http::test
