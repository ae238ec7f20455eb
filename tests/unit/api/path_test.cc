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

}  // namespace
}  // namespace edgesync::api
