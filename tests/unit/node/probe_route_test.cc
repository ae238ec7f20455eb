#include "kernel/node/probe_route.h"

#include <gtest/gtest.h>

#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

class Kept : public HttpResponder {
public:
    void send(HttpResponse response) override { status = response.status; }
    void on_gone(std::function<void()>) override {}
    int status = 0;
};

int ask(ProbeRoute& route, const std::string& from, const std::string& method = "GET") {
    HttpRequest request;
    request.method = method;
    request.remote_address = from;
    const auto kept = std::make_shared<Kept>();
    route.handle(std::move(request), kept);
    return kept->status;
}

TEST(SameMachine, IsLoopbackOrAUnixSocket) {
    for (const char* peer : {"127.0.0.1:5000", "127.9.9.9:1", "[::1]:5000", "[::ffff:127.0.0.1]:5000", "unix"})
        EXPECT_TRUE(is_same_machine(peer)) << peer;
    for (const char* peer :
         {"10.0.0.5:5000", "[fe80::1]:5000", "[::ffff:10.0.0.5]:5000", "[::2]:5000", "", "unix:", "127.0.0.1.example.org:5000"})
        EXPECT_FALSE(is_same_machine(peer)) << peer;
}

TEST(ProbeRoute, SaysHowItIsToThisMachineAlone) {
    bool is_well = true;
    ProbeRoute route(ProbeCallers::SameMachine, [&] { return is_well; });
    EXPECT_EQ(ask(route, "127.0.0.1:5000"), 200);
    EXPECT_EQ(ask(route, "127.0.0.1:5000", "POST"), 405);
    EXPECT_EQ(ask(route, "10.0.0.5:5000"), 404);
    is_well = false;
    EXPECT_EQ(ask(route, "unix"), 503);
    EXPECT_EQ(ask(route, "10.0.0.5:5000"), 404);
}

TEST(ProbeRoute, AnswersABalancerElsewhereIfItShall) {
    bool is_well = true;
    ProbeRoute route(ProbeCallers::Any, [&] { return is_well; });
    for (const char* peer : {"127.0.0.1:5000", "unix", "10.0.0.5:5000", "[fe80::1]:5000"}) EXPECT_EQ(ask(route, peer), 200) << peer;
    EXPECT_EQ(ask(route, "10.0.0.5:5000", "HEAD"), 200);
    EXPECT_EQ(ask(route, "10.0.0.5:5000", "PUT"), 405);
    is_well = false;
    EXPECT_EQ(ask(route, "10.0.0.5:5000"), 503);
    EXPECT_EQ(ask(route, "10.0.0.5:5000", "HEAD"), 503);
}

TEST(ProbeRoute, IsForThisMachineUnlessTheSettingSaysAny) {
    fakes::FakeSettings settings;
    settings.values["AnonymousProbesFrom"] = "local";
    EXPECT_EQ(probe_callers(settings), ProbeCallers::SameMachine);
    settings.values["AnonymousProbesFrom"] = "any";
    EXPECT_EQ(probe_callers(settings), ProbeCallers::Any);
}

}  // namespace
}  // namespace edgesync::node
