// Answers that come later.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

/// Keeps responders of "/park", with a watch for the client's end, until the test answers.
struct ParkingServer {
    ParkingServer() {
        server.handler.on_handle = [this](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
            if (request.path != "/park") return responder->send(body_response(request.path));
            responder->on_gone([this] {
                ++gone;
                is_gone.open();
            });
            const std::lock_guard lock(mutex);
            parked.push_back(std::move(responder));
        };
    }
    std::shared_ptr<HttpResponder> take() {
        std::shared_ptr<HttpResponder> result;
        eventually([&] {
            const std::lock_guard lock(mutex);
            if (parked.empty()) return false;
            result = std::move(parked.front());
            parked.erase(parked.begin());
            return true;
        });
        return result;
    }
    std::atomic<int> gone{0};
    Gate is_gone;
    std::mutex mutex;
    std::vector<std::shared_ptr<HttpResponder>> parked;
    Server server;
};

TEST(Parking, AnAnswerMayComeFromAnotherThread) {
    ParkingServer s;
    Client client(s.server.port());
    for (int i = 0; i < 50; ++i) {
        client.send(get("/park"));
        std::thread([&] { s.take()->send(body_response("later")); }).join();
        EXPECT_EQ(client.receive().body, "later");
    }
    EXPECT_EQ(s.gone, 0);
}

TEST(Parking, AClientThatLeavesIsNoticedOnce) {
    ParkingServer s;
    Client client(s.server.port());
    client.send(get("/park"));
    const auto responder = s.take();
    client.close();
    EXPECT_TRUE(s.is_gone.wait());
    EXPECT_TRUE(s.server.listener.wait_idle(30s));
    responder->send(HttpResponse{});
    EXPECT_EQ(s.gone, 1);
}

TEST(Parking, TheWatchMayBeSetLaterFromAnotherThread) {
    Server server;
    std::mutex mutex;
    std::shared_ptr<HttpResponder> parked;
    server.handler.on_handle = [&](HttpRequest, std::shared_ptr<HttpResponder> responder) {
        const std::lock_guard lock(mutex);
        parked = std::move(responder);
    };
    Client client(server.port());
    client.send(get("/"));
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return parked != nullptr;
    }));
    Gate gone;
    parked->on_gone([&] { gone.open(); });
    client.close();
    EXPECT_TRUE(gone.wait());
    parked.reset();
}

TEST(Parking, PipelinedRequestsAreNeitherLostNorTakenForAFarewell) {
    ParkingServer s;
    Client client(s.server.port());
    client.send(get("/park"));
    const auto responder = s.take();
    client.send(get("/second"));
    client.send(put("/third", pattern(1000)) + get("/fourth").substr(0, 10));
    client.send(get("/fourth").substr(10));
    EXPECT_EQ(Client(s.server.port()).ask(get("/x")).status, 200);
    EXPECT_EQ(s.gone, 0);
    responder->send(body_response("first"));
    EXPECT_EQ(client.receive().body, "first");
    EXPECT_EQ(client.receive().body, "/second");
    EXPECT_EQ(client.receive().body, "/third");
    EXPECT_EQ(client.receive().body, "/fourth");
    EXPECT_EQ(s.gone, 0);
}

TEST(Parking, AClientThatLeavesAfterPipeliningIsNoticed) {
    ParkingServer s;
    Client client(s.server.port());
    client.send(get("/park"));
    const auto responder = s.take();
    client.send(get("/second"));
    client.close();
    EXPECT_TRUE(s.is_gone.wait());
}

TEST(Parking, AnAnswerToAFormerRequestDoesNotTouchTheNext) {
    Server server;
    std::shared_ptr<HttpResponder> kept;
    server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        if (request.path == "/keep") kept = responder;
        if (request.path == "/next") kept->send(body_response("stale"));
        responder->send(body_response(request.path));
    };
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/keep")).body, "/keep");
    EXPECT_EQ(client.ask(get("/next")).body, "/next");
    kept.reset();
}

TEST(Parking, ADroppedResponderIsAnInternalErrorAlsoLater) {
    ParkingServer s;
    Client client(s.server.port());
    client.send(get("/park"));
    s.take().reset();
    EXPECT_EQ(client.receive().status, 500);
}

TEST(Parking, StoppingTellsThatParkedClientsAreGone) {
    ParkingServer s;
    Client client(s.server.port());
    client.send(get("/park"));
    const auto responder = s.take();
    s.server.listener.stop();
    EXPECT_EQ(s.gone, 1);
    EXPECT_TRUE(client.is_closed());
}

TEST(Parking, ManyAnswersAndDeparturesAtOnceLoseNothing) {
    ParkingServer s;
    std::atomic<bool> is_over{false};
    std::thread answering([&] {
        while (!is_over) {
            std::vector<std::shared_ptr<HttpResponder>> all;
            {
                const std::lock_guard lock(s.mutex);
                all.swap(s.parked);
            }
            for (const auto& responder : all) responder->send(body_response("ok"));
        }
    });
    std::vector<std::thread> clients;
    std::atomic<int> answered{0};
    for (int t = 0; t < 4; ++t) {
        clients.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                Client client(s.server.port());
                client.send(get("/park"));
                if ((i + t) % 3 == 0) continue;  // Leaves at once.
                if (client.receive().body == "ok") ++answered;
            }
        });
    }
    for (auto& client : clients) client.join();
    EXPECT_TRUE(s.server.listener.wait_idle(30s));
    is_over = true;
    answering.join();
    EXPECT_EQ(answered, 4 * 100 - (34 + 33 + 33 + 34));
}

}  // namespace
}  // namespace edgesync::http::test
