// Opening, draining and stopping.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "edgesync/sdk/error.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

class Folder {
public:
    Folder() {
        char name[] = "/tmp/http_test_XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

std::string failure_of(Server& server, const ListenerOptions& options) {
    try {
        Listener listener(options, server.router, server.io, server.workers);
        listener.start();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(Listening, OnAUsedPortFailsWithALineForTheOperator) {
    Server server;
    ListenerOptions options;
    options.host = "127.0.0.1";
    options.port = server.port();
    EXPECT_EQ(failure_of(server, options), "cannot listen on 127.0.0.1:" + std::to_string(server.port()) + ": Address already in use");
}

TEST(Listening, OnlyOneListenerOfANameTakesThePort) {
    Server server;
    ListenerOptions options;
    options.host = "localhost";
    options.port = server.port();
    EXPECT_NE(failure_of(server, options), "") << "the other family's loopback must not be taken instead";
    options.host = std::string(64, 'n') + ".invalid";  // Too long for a name, so that no name server is asked, which may take its time.
    EXPECT_TRUE(failure_of(server, options).starts_with("cannot listen on " + options.host + ":"));
}

TEST(Listening, OnAllAddressesServesLoopback) {
    Server server;
    ListenerOptions options;
    options.host = "";
    Listener listener(options, server.router, server.io, server.workers);
    listener.start();
    EXPECT_EQ(Client(listener.port()).ask(get("/")).status, 200);
}

TEST(Listening, OnAUnixSocketHasTheModeAskedFor) {
    const Folder folder;
    Server server;
    ListenerOptions options;
    options.unix_path = folder / "api.sock";
    options.unix_mode = 0660;
    {
        Listener listener(options, server.router, server.io, server.workers);
        listener.start();
        EXPECT_EQ(listener.port(), 0);
        EXPECT_EQ(listener.address(), "unix:" + options.unix_path);
        struct stat status {};
        ASSERT_EQ(::stat(options.unix_path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0660U);
        std::string remote;
        server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
            remote = request.remote_address;
            HttpResponse response;
            response.blob = std::make_unique<TestBlob>(pattern(3000000), true);
            response.blob_length = 3000000;
            responder->send(std::move(response));
        };
        EXPECT_EQ(Client(options.unix_path).ask(get("/")).body == pattern(3000000), true);
        EXPECT_EQ(remote, "unix");
        EXPECT_NE(failure_of(server, options), "") << "it is served";
    }
    EXPECT_FALSE(std::filesystem::exists(options.unix_path));
}

TEST(Listening, AnAbandonedSocketIsReplacedAndAnotherFileIsNot) {
    const Folder folder;
    Server server;
    ListenerOptions options;
    options.unix_path = folder / "old.sock";
    const std::string copy = folder / "copy.sock";
    {
        Listener listener(options, server.router, server.io, server.workers);
        listener.start();
        std::filesystem::create_hard_link(options.unix_path, copy);
    }
    std::filesystem::rename(copy, options.unix_path);
    EXPECT_EQ(failure_of(server, options), "");
    std::ofstream(options.unix_path) << "precious";
    EXPECT_NE(failure_of(server, options).find("is not a socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(options.unix_path));
}

TEST(Draining, FinishesWhatIsInProgressAndTakesNothingNew) {
    Server server;
    std::mutex mutex;
    std::shared_ptr<HttpResponder> parked;
    server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        if (request.path == "/now") return responder->send(HttpResponse{});
        const std::lock_guard lock(mutex);
        parked = std::move(responder);
    };
    Client busy(server.port());
    Client idle(server.port());
    EXPECT_EQ(idle.ask(get("/now")).status, 200);
    busy.send(get("/later"));
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return parked != nullptr;
    }));
    server.listener.drain();
    EXPECT_TRUE(idle.is_closed());
    EXPECT_THROW(Client{server.port()}, std::runtime_error);
    EXPECT_FALSE(server.listener.wait_idle(0ms));
    parked->send(body_response("done"));
    const Answer answer = busy.receive();
    EXPECT_EQ(answer.body, "done");
    EXPECT_TRUE(answer.has("Connection: close"));
    EXPECT_TRUE(server.listener.wait_idle(30s));
    parked.reset();
}

TEST(Stopping, IsBoundedWhileAWorkerIsBusy) {
    Gate gate;
    ListenerOptions options;
    options.may_block = [](const HttpRequest&) { return true; };
    Server server(options);
    Gate entered;
    server.handler.on_handle = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        entered.open();
        gate.wait();
        responder->send(HttpResponse{});
    };
    Client client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(entered.wait());
    server.listener.stop(100ms);
    EXPECT_TRUE(client.is_closed());
    gate.open();
}

TEST(Stopping, WaitsForHandlersWhoseConnectionsEnded) {
    Gate gate;
    ListenerOptions options;
    options.may_block = [](const HttpRequest&) { return true; };
    Server server(options);
    Gate entered;
    std::atomic<bool> has_returned{false};
    server.handler.on_handle = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        entered.open();
        gate.wait();
        responder->send(HttpResponse{});
        has_returned = true;
    };
    Client client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(entered.wait());
    auto stopping = std::async(std::launch::async, [&] {
        server.listener.stop(10s);
        return has_returned.load();
    });
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(stopping.wait_for(50ms), std::future_status::timeout) << "what the handler uses is freed next";
    gate.open();
    EXPECT_TRUE(stopping.get());
}

TEST(Stopping, SeveralListenersShareARouterAndStopAlone) {
    Server server;
    auto other = std::make_unique<Listener>(loopback(), server.router, server.io, server.workers);
    other->start();
    Client first(server.port());
    Client second(other->port());
    EXPECT_EQ(first.ask(get("/")).status, 200);
    EXPECT_EQ(second.ask(get("/")).status, 200);
    other.reset();
    EXPECT_TRUE(second.is_closed());
    EXPECT_EQ(first.ask(get("/")).status, 200);
}

}  // namespace
}  // namespace edgesync::http::test
