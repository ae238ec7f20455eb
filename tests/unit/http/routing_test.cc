#include <gtest/gtest.h>

#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

TEST(Routing, TheLongestMountServesAPath) {
    Router router;
    FunctionHandler root, objects, spi, health;
    router.mount("/api/v1/objects/", objects);
    router.mount("/api", root);
    router.mount("/spi/v1/", spi);
    router.mount_exact("/api/v1/objects/health", health);
    const std::vector<std::pair<std::string, HttpHandler*>> rows = {
        {"/api/v1/objects", &objects},
        {"/api/v1/objects/", &objects},
        {"/api/v1/objects/a/b", &objects},
        {"/api/v1/objectsx", &root},
        {"/api/x", &root},
        {"/apix", nullptr},
        {"/", nullptr},
        {"/spi/v1/a", &spi},
        {"/spi", nullptr},
        {"/api/v1/objects/health", &health},
        {"*", nullptr},
    };
    for (const auto& [path, handler] : rows) EXPECT_EQ(router.find(path), handler) << path;
}

TEST(Routing, APathWithoutHandlerIsNotFound) {
    Server server;
    Router empty;
    ListenerOptions options;
    options.host = "127.0.0.1";
    Listener listener(options, empty, server.io, server.workers);
    listener.start();
    Client client(listener.port());
    const Answer answer = client.ask(get("/nowhere"));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, "404 page not found\n");
    EXPECT_TRUE(answer.has("Content-Type: text/plain; charset=utf-8"));
    EXPECT_EQ(client.ask(put("/nowhere", "body")).status, 404) << "a short body does not cost the connection";
    EXPECT_EQ(client.ask(get("/again")).status, 404);
}

TEST(Routing, TheTargetIsTakenApart) {
    Server server;
    Client client(server.port());
    EXPECT_EQ(client.ask(get("/a%2Fb/c?x=1&y=%41")).body, "GET /a%2Fb/c x=1&y=%41 ");
    EXPECT_EQ(client.ask(get("http://host:8080/a?b")).body, "GET /a b ");
    EXPECT_EQ(client.ask(get("http://host")).body, "GET /  ");
    EXPECT_EQ(client.ask(get("/?")).body, "GET /  ");
}

TEST(Routing, TheHandlerSeesHeadersAddressAndLength) {
    Server server;
    HttpRequest seen;
    server.handler.on_handle = [&](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        seen = std::move(request);
        responder->send({});
    };
    Client client(server.port());
    EXPECT_EQ(client.ask("POST /x HTTP/1.1\r\nhost: a\r\nX-Y:  v w \r\nContent-Length: 3\r\n\r\nabc").status, 200);
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.header("x-y"), "v w");
    EXPECT_EQ(seen.body, "abc");
    EXPECT_EQ(seen.content_length, 3);
    EXPECT_TRUE(seen.remote_address.starts_with("127.0.0.1:")) << seen.remote_address;
    EXPECT_FALSE(seen.is_secure);
}

}  // namespace
}  // namespace edgesync::http::test
