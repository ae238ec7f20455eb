#include "kernel/api/path.h"

#include <gtest/gtest.h>

#include "api_fixture.h"

namespace edgesync::api {
namespace {

struct Row {
    const char* method;
    std::string target;
    int status;
    std::string body;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.method << " " << row.target; }

class CssPaths : public ApiTest, public ::testing::WithParamInterface<Row> {};
TEST_P(CssPaths, AreAnsweredAsTheTableSays) {
    publish("model", "m1");
    const Answer answer = send({.method = GetParam().method, .target = GetParam().target});
    EXPECT_EQ(answer.status, GetParam().status) << answer.body;
    if (GetParam().status >= 400) {
        EXPECT_EQ(answer.body, GetParam().body);
    }
}

const std::string kLongName(1025, 'a');

INSTANTIATE_TEST_SUITE_P(
    Rows, CssPaths,
    ::testing::Values(Row{"GET", "/objects/acme/model/m1", 200, ""}, Row{"GET", "/objects/acme/model/m1/", 200, ""},
                      Row{"GET", "/objects/acme/model/m1/status", 200, ""}, Row{"GET", "/objects/acme/model/m1/STATUS/", 200, ""},
                      Row{"GET", "/objects/acme/model/m1/Data", 200, ""}, Row{"GET", "/objects/acme/m%6fdel/m1", 200, ""},
                      Row{"GET", "/objects/acme/model", 404, ""}, Row{"GET", "/objects/acme/model/", 404, ""},
                      Row{"GET", "/objects/acme/MODEL/m1", 404, ""}, Row{"GET", "/objects/acme/model/m1/nothing", 400, ""},
                      Row{"GET", "/objects/acme/model/m1/status/x", 400, ""}, Row{"GET", "/objects", 400, ""},
                      Row{"GET", "/objects/", 400, ""}, Row{"GET", "/objects/acme", 400, ""},
                      Row{"GET", "/objects/acme/", 400, "object Type () contains invalid characters\n"},
                      Row{"GET", "/objects/a%3Ac/model/m1", 400, "Organization ID (a:c) contains invalid characters\n"},
                      Row{"GET", "/objects/acme/mo%3Cdel/m1", 400, "object Type (mo&lt;del) contains invalid characters\n"},
                      Row{"GET", "/objects/acme/model/m+1", 400, "object ID (m+1) contains invalid characters\n"},
                      Row{"POST", "/objects/acme/model/m1", 405, ""}, Row{"HEAD", "/objects/acme/model/m1", 405, ""},
                      Row{"OPTIONS", "/objects/acme/model/m1", 405, ""}, Row{"POST", "/objects/acme/model", 405, ""},
                      Row{"PUT", "/objects/acme", 405, ""}, Row{"PUT", "/objects/acme/model/m1/status", 405, ""},
                      Row{"DELETE", "/objects/acme/model/m1/data", 405, ""}, Row{"GET", "/objects/acme/model/m1/consumed", 405, ""},
                      Row{"GET", "/version", 404, "404 page not found\n"}, Row{"GET", "/", 404, "404 page not found\n"},
                      Row{"GET", "/healthy", 404, "404 page not found\n"}, Row{"GET", "/objectsx", 404, "404 page not found\n"},
                      Row{"GET", "/resend/", 404, "404 page not found\n"}, Row{"GET", "/destinations", 400, ""}));

struct Recorder : HttpResponder {
    void send(HttpResponse response) override { status = response.status; }
    void on_gone(std::function<void()>) override {}
    int status = 0;
};

struct AwayAuthenticator : security::Authenticator {
    void start() override {}
    security::Identity authenticate(const HttpRequest&) override { throw Error(ErrorKind::NotConnected, "The lists are away"); }
    std::pair<std::string, std::string> credentials_for_url(const std::string&) override { return {}; }
    bool is_cacheable() const override { return false; }
};

using Refused = ApiTest;
TEST_F(Refused, EmptyDotAndMalformedSegmentsAreBadRequests) {
    for (const char* target : {"/objects/acme//m1", "/objects/acme/./m1", "/objects/acme/../m1", "/objects/acme/model/%zz",
                               "/objects/acme/model/a%2Fb", "/objects//model/m1", "/objects/acme/model/m1//"}) {
        EXPECT_EQ(get(target).status, 400) << target;
    }
    EXPECT_EQ(get("/objects/acme/model/" + kLongName).status, 400);
}

TEST_F(Refused, MethodsComeWithTheAllowedOnes) {
    EXPECT_EQ(send({.method = "POST", .target = "/objects/acme/model/m1"}).header("Allow"), "GET, PUT, DELETE");
    EXPECT_EQ(send({.method = "POST", .target = "/objects/acme/model/m1/data"}).header("Allow"), "GET, PUT");
}

TEST_F(Refused, EveryAnswerCarriesTheCommonHeaders) {
    for (const char* target : {"/objects/acme/model/m1", "/health", "/nothing", "/objects"}) {
        const Answer answer = get(target);
        EXPECT_EQ(answer.header("Cache-Control"), "no-store, no-cache, must-revalidate") << target;
        EXPECT_EQ(answer.header("Pragma"), "no-cache") << target;
        EXPECT_EQ(answer.header("Strict-Transport-Security"), "max-age=63072000; includeSubDomains; preload") << target;
        EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff") << target;
    }
}

TEST_F(Refused, NotRunningIs503BeforeTheCredentials) {
    is_running_ = false;
    for (const char* target : {"/objects/acme/model/m1", "/destinations/acme", "/resend", "/objects"}) {
        const Answer answer = get(target, "");
        EXPECT_EQ(answer.status, 503) << target;
        EXPECT_EQ(answer.body, "") << target;
    }
    EXPECT_EQ(put("/objects/acme/model/m1/data", "x").status, 503);
    EXPECT_EQ(put("/objects/acme/model/m1", std::string(100000, 'x'), "").status, 503);
    EXPECT_EQ(get("/health").status, 200);
}

TEST_F(Refused, MissingCredentialsAre403) {
    for (const char* target :
         {"/objects/acme/model/m1", "/objects/acme/model", "/objects/acme", "/objects/acme/model/m1/data", "/objects/acme/model/m1/status",
          "/objects/acme/model/m1/destinations", "/destinations/acme", "/resend", "/health"}) {
        for (const char* key : {"", "acme/camera/cam7", "nobody"}) {
            const Answer answer = get(target, key);
            EXPECT_EQ(answer.status, 403) << target << " " << key;
            EXPECT_EQ(answer.body, "Unauthorized");
            EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
        }
    }
    EXPECT_EQ(send({.method = "POST", .target = "/shutdown", .key = ""}).status, 403);
}

class EssPaths : public EssApiTest, public ::testing::WithParamInterface<Row> {};
TEST_P(EssPaths, HaveNoOrganization) {
    publish("model", "m1");
    const Answer answer = send({.method = GetParam().method, .target = GetParam().target});
    EXPECT_EQ(answer.status, GetParam().status) << answer.body;
    if (GetParam().status >= 400) {
        EXPECT_EQ(answer.body, GetParam().body);
    }
}
INSTANTIATE_TEST_SUITE_P(Rows, EssPaths,
                         ::testing::Values(Row{"GET", "/objects/model/m1", 200, ""}, Row{"GET", "/objects/model/m1/status", 200, ""},
                                           Row{"GET", "/objects/model/", 404, ""}, Row{"GET", "/objects/", 400, ""},
                                           Row{"GET", "/objects/acme/model/m1", 400, ""}, Row{"GET", "/destinations", 404, ""},
                                           Row{"GET", "/destinations/", 404, "404 page not found\n"},
                                           Row{"GET", "/destinations/acme", 404, "404 page not found\n"},
                                           Row{"GET", "/objects/model/m1/destinations", 404, ""}));

using LargeBodies = ApiTest;

TEST_F(LargeBodies, AreTakenFromKnownCallersOnly) {
    const std::string large(100000, ' ');
    for (const char* target : {"/objects/acme/model/m1", "/objects/acme/model", "/objects/acme/model/m1/consumed", "/security/objects/acme",
                               "/organizations/acme", "/destinations/acme", "/resend", "/shutdown", "/health"}) {
        for (const bool hides_length : {false, true}) {
            for (const char* key : {"", "acme/camera/cam7"}) {
                HttpRequest request;
                request.method = "PUT";
                request.path = std::string("/api/v1") + target;
                request.content_length = hides_length ? -1 : 100000;
                EXPECT_TRUE(api_->stream(request, std::make_shared<Recorder>())) << target << ": would be collected";
                const Answer answer = send({.method = "PUT", .target = target, .body = large, .key = key, .hides_length = hides_length});
                EXPECT_EQ(answer.status, 403) << target;
                EXPECT_EQ(answer.header("Pragma"), "no-cache") << target;
            }
        }
    }
    EXPECT_EQ(send({.method = "PUT", .target = "/nothing", .body = large, .key = ""}).status, 404);
    EXPECT_EQ(send({.method = "PUT", .target = "/objects/acme/a%20b", .body = large}).status, 400);
    is_running_ = false;
    EXPECT_EQ(send({.method = "PUT", .target = "/security/objects/acme", .body = large, .key = ""}).status, 503);
}

TEST_F(LargeBodies, HaveOneMebibyteUnlessTheyBringData) {
    const std::string larger(1024 * 1024 + 1, ' ');
    for (const char* target : {"/objects/acme/model", "/objects/acme/model/", "/objects/acme/model/m1/destinations",
                               "/objects/acme/model/m1/consumed", "/security/objects/acme", "/organizations/acme"}) {
        const Answer answer = put(target, larger, "root@x");
        EXPECT_EQ(answer.status, 413) << target;
        EXPECT_EQ(answer.body, "The body is larger than 1048576 bytes\n") << target;
        EXPECT_EQ(answer.header("Pragma"), "no-cache") << target;
        EXPECT_EQ(send({.method = "PUT", .target = target, .body = larger, .key = "root@x", .hides_length = true}).status, 413) << target;
    }
    const std::string body = R"({"meta":{"objectID":"m1","objectType":"model"}})" + std::string(1024 * 1024, ' ');
    for (const char* target : {"/objects/acme/model/m1", "/objects/acme/model/m1/"}) EXPECT_EQ(put(target, body).status, 204) << target;
    EXPECT_THAT(put("/objects/acme/model/m1", std::string(3 * 1024 * 1024, ' ')).body,
                ::testing::HasSubstr("bytes: upload the data with PUT data"));
}

TEST_F(LargeBodies, AreAnsweredWhenTheCallerCannotBeLookedUp) {
    AwayAuthenticator away;
    make_api(away);
    HttpRequest request;
    request.method = "PUT";
    request.path = "/api/v1/objects/acme/model/m1";
    request.content_length = 100000;
    const auto recorder = std::make_shared<Recorder>();
    const auto sink = api_->stream(request, recorder);
    ASSERT_TRUE(sink);
    EXPECT_FALSE(sink->start());
    EXPECT_EQ(recorder->status, 503);
}

}  // namespace
}  // namespace edgesync::api
