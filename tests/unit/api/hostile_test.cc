// Bodies, paths and parameters that ask for too much: a clear refusal, small whatever was sent.
#include "edgesync/sdk/codec.h"
#include "tests/unit/api/api_fixture.h"

namespace edgesync::api {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kLargestRefusal = 5000;

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}
std::string object_body(const std::string& more, const std::string& behind = "") {
    return R"({"meta":{"objectID":"i","objectType":"t")" + more + "}" + behind + "}";
}

class Dropped : public HttpResponder {
public:
    void send(HttpResponse response) override { status = response.status; }
    void on_gone(std::function<void()>) override {}
    int status = 0;
};

class Hostile : public ApiTest {};

TEST_F(Hostile, OnlyAnObjectMayBeLargerThanAMebibyte) {
    HttpRequest request;
    request.method = "PUT";
    request.path = "/api/v1/objects/acme/t/i";
    EXPECT_GT(api_->body_limit(request), 2'000'000);
    for (const char* path : {"/api/v1/objects/acme/t", "/api/v1/objects/acme/t/i/destinations", "/api/v1/objects/acme/t/i/consumed",
                             "/api/v1/organizations/acme", "/api/v1/security/objects/acme/t", "/api/v1/destinations/acme",
                             "/api/v1/shutdown", "/api/v1/objects/acme//i", "/api/v1/nothing"}) {
        request.path = path;
        EXPECT_EQ(api_->body_limit(request), 1024 * 1024) << path;
    }
}

TEST_F(Hostile, NobodyWithoutCredentialsMakesTheServiceCollectALargeBody) {
    for (const char* method : {"PUT", "POST", "GET", "DELETE"}) {
        for (const char* path : {"objects/acme/t/i", "objects/acme/t", "objects/acme/t/i/destinations", "organizations/acme",
                                 "security/objects/acme/t", "destinations/acme", "resend", "shutdown", "health"}) {
            HttpRequest request;
            request.method = method;
            request.path = std::string("/api/v1/") + path;
            for (const std::int64_t length : {std::int64_t{-1}, std::int64_t{100'000}}) {
                request.content_length = length;
                const auto responder = std::make_shared<Dropped>();
                const auto sink = api_->stream(request, responder);
                ASSERT_TRUE(sink) << method << " " << path;
                EXPECT_FALSE(sink->start()) << method << " " << path;
                EXPECT_EQ(responder->status, 403) << method << " " << path;
            }
        }
    }
}

struct Row {
    const char* name;
    std::string body;
    int status;
    const char* text = "";
};

std::string policy_of(std::size_t services) {
    std::string text = R"(,"destinationPolicy":{"properties":[],"constraints":[],"services":[)";
    for (std::size_t i = 0; i < services; ++i) {
        if (i > 0) text += ',';
        text += R"({"orgID":"a","arch":"*","serviceName":"s)" + std::to_string(i) + R"(","version":"1.0.0"})";
    }
    return text + "]}";
}

TEST_F(Hostile, APolicyHasTenThousandServicesAtMost) {
    const Answer refused = put("/objects/acme/t/i", object_body(policy_of(10'001)));
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr("at most 10000 services"));
    EXPECT_EQ(put("/objects/acme/t/i", object_body(policy_of(10'000))).status, 204);
}

TEST_F(Hostile, AnAccessListChangesByTenThousandUsersAtOnceAtMost) {
    for (const std::size_t users : {std::size_t{10'000}, std::size_t{10'001}}) {
        std::string body = R"({"action":"add","users":[)";
        for (std::size_t i = 0; i < users; ++i) {
            if (i > 0) body += ',';
            body += R"({"Username":"u)" + std::to_string(i) + R"(","ACLUserType":"user","ACLRole":"aclReader"})";
        }
        for (const char* kind : {"objects", "destinations"}) {
            const Answer answer = put(std::string("/security/") + kind + "/acme/t", body + "]}", "root@acme");
            EXPECT_EQ(answer.status, users > 10'000 ? 400 : 204) << kind << ": " << answer.body;
            EXPECT_THAT(answer.body, HasSubstr(users > 10'000 ? "More than 10000 users" : "")) << kind;
        }
    }
}

TEST_F(Hostile, TheMetadataOfAnObjectHaveLimits) {
    const std::string list = [] {
        std::string text = R"(,"destinationsList":["a:b")";
        for (int i = 0; i < 10'000; ++i) text += R"(,"a:b")";
        return text + "]";
    }();
    const std::vector<Row> rows = {
        {"depth 64", object_body(R"(,"x":)" + nested(62)), 204},
        {"depth 65", object_body(R"(,"x":)" + nested(63)), 400, "nesting exceeds 64 levels"},
        {"depth 100,000", std::string(100'000, '['), 400, "nesting exceeds 64 levels"},
        {"number beyond 32 bits", object_body(R"(,"consumers":2147483648)"), 400, "field consumers is out of range"},
        {"number beyond 64 bits", object_body(R"(,"instanceID":9223372036854775808)"), 400, "field instanceid is out of range"},
        {"number below 64 bits", object_body(R"(,"instanceID":-9223372036854775809)"), 400, "must be an integer"},
        {"number beyond double", object_body(R"(,"x":1e999)"), 400, "number overflow"},
        {"fraction", object_body(R"(,"consumers":1.5)"), 400, "must be an integer"},
        {"consumers below -1", object_body(R"(,"consumers":-2)"), 400, "consumers"},
        {"not a number", object_body(R"(,"consumers":NaN)"), 400},
        {"leading zero", object_body(R"(,"consumers":01)"), 400},
        {"invalid UTF-8", object_body(",\"description\":\"\xff\""), 400, "UTF-8"},
        {"overlong UTF-8", object_body(",\"description\":\"\xc0\x80\""), 400, "UTF-8"},
        {"half a surrogate pair", object_body(R"(,"description":"\ud800")"), 400, "surrogate"},
        {"control character", object_body(",\"description\":\"a\nb\""), 400, "control character"},
        {"text of 64 KiB", object_body(R"(,"description":")" + std::string(65536, 'a') + '"'), 204},
        {"longest version", object_body(R"(,"version":")" + std::string(1024, 'a') + '"'), 204},
        {"version of 64 KiB", object_body(R"(,"version":")" + std::string(65536, 'a') + '"'), 400, "Version ("},
        {"longer version", object_body(R"(,"version":")" + std::string(65537, 'a') + '"'), 400, "at most 65536 bytes"},
        {"link of 64 KiB", object_body(R"(,"link":")" + std::string(65536, 'a') + '"'), 204},
        {"longer link", object_body(R"(,"link":")" + std::string(65537, 'a') + '"'), 400, "at most 65536 bytes"},
        {"longer text", object_body(R"(,"description":")" + std::string(65537, 'a') + '"'), 400, "at most 65536 bytes"},
        {"10,001 destinations", object_body(list), 400, "at most 10000 entries"},
        {"a million values",
         object_body(R"(,"x":[0)" +
                     [] {
                         std::string zeros;
                         for (int i = 0; i < 300'000; ++i) zeros += ",0";
                         return zeros;
                     }() +
                     "]"),
         400, "more than 200000 values"},
        {"unterminated object", R"({"meta":{"objectID":"i")", 400, "unexpected end of input"},
        {"unterminated string", R"({"meta":{"objectID":"i)", 400, "missing closing quote"},
        {"unterminated escape", R"({"meta":{"objectID":"i\)", 400},
        {"two documents", object_body("") + "{}", 400},
        {"no document", " \r\n", 400, "EOF"},
        {"no Base64", object_body("", R"(,"data":"a$b=")"), 400, "illegal base64 data"},
        {"half of Base64", object_body("", R"(,"data":"aGVsbG8")"), 400, "illegal base64 data"},
        {"much that is no Base64", object_body("", R"(,"data":")" + std::string(200'001, 'a') + '"'), 400, "illegal base64 data"},
        {"data as a number", object_body("", R"(,"data":1)"), 400, "Base64"},
        {"a name of 100,000 octets", R"({"meta":{"objectID":")" + std::string(100'000, '<') + R"(","objectType":"t"}})", 400},
        {"a mistake behind 100,000 octets", R"({"meta":")" + std::string(100'000, '<') + '\n', 400},
    };
    for (const Row& row : rows) {
        const Answer answer = put("/objects/acme/t/i", row.body);
        EXPECT_EQ(answer.status, row.status) << row.name << ": " << answer.body;
        EXPECT_THAT(answer.body, HasSubstr(row.text)) << row.name;
        EXPECT_LT(answer.body.size(), kLargestRefusal) << row.name;
        EXPECT_EQ(answer.body.find('<'), std::string::npos) << row.name;
    }
}

TEST_F(Hostile, TheLastOfEqualNamesCounts) {
    ASSERT_EQ(put("/objects/acme/t/i", object_body(R"(,"description":"first","description":"last")")).status, 204);
    EXPECT_EQ(stored("t", "i")->meta.description, "last");
    EXPECT_EQ(put("/objects/acme/t/i", object_body(R"(,"objectID":"j")")).status, 400) << "another object than the path names";
}

TEST_F(Hostile, SmallBodiesHaveTheSameLimits) {
    publish("t", "i");
    const std::pair<const char*, const char*> calls[] = {{"PUT", "/objects/acme/t/i/destinations"},
                                                         {"POST", "/objects/acme/t/i/destinations"},
                                                         {"PUT", "/security/objects/acme/t"},
                                                         {"PUT", "/objects/acme/t"},
                                                         {"PUT", "/organizations/acme"}};
    for (const auto& [method, target] : calls) {
        for (const std::string& body :
             {nested(65), R"({"a":)" + nested(64) + "}", std::string(1'000'000, '['), std::string("{\"a\":\"\xff\"}"),
              std::string("{\"a\":"), std::string(""), std::string("[1]x"), '"' + std::string(1'000'000, '<')}) {
            const Answer answer = send({.method = method, .target = target, .body = body, .key = "root@acme"});
            EXPECT_EQ(answer.status, 400) << method << " " << target << " " << body.substr(0, 80);
            EXPECT_LT(answer.body.size(), kLargestRefusal) << method << " " << target;
            EXPECT_EQ(answer.body.find('<'), std::string::npos) << answer.body.substr(0, 200);
        }
    }
}

TEST_F(Hostile, PathsAndParametersHaveLimits) {
    publish("t", "i");
    EXPECT_EQ(get("/objects/acme/t/" + std::string(1024, 'a')).status, 404);
    EXPECT_EQ(get("/objects/acme/t/" + std::string(1025, 'a')).status, 400);
    EXPECT_EQ(get("/destinations/acme/" + std::string(1025, 'a') + "/x/objects").status, 400);
    EXPECT_EQ(get("/objects/acme?filters=true&objectType=t&description=" + std::string(4096, 'a')).status, 200);
    EXPECT_EQ(get("/objects/acme?filters=true&objectType=" + std::string(4097, 'a')).status, 400);
    EXPECT_EQ(get("/objects/acme/t?received=" + std::string(4097, 'a')).status, 400);
    for (const char* path : {"//acme/t/i", "/acme//t/i", "/acme/./i", "/acme/t/..", "/acme/t/%2e%2e/i", "/acme/t%2Fi", "/acme/t/i%00",
                             "/acme/t/i%0d%0aX:", "/acme/t/%", "/acme/t/%4", "/acme/t/%zz", "/acme/t/\xff", "/acme/t/%c0%af",
                             "/acme/t/a%20b", "/acme/t/i/data/x"}) {
        for (const char* method : {"GET", "PUT", "DELETE"}) {
            const Answer answer = send({.method = method, .target = std::string("/objects") + path});
            EXPECT_EQ(answer.status, 400) << method << " " << path;
            EXPECT_EQ(answer.body.find('<'), std::string::npos);
        }
    }
}

TEST_F(Hostile, ARangeOfAnUploadMakesSense) {
    publish("t", "i", "", std::nullopt);
    for (const char* range : {"",
                              "bytes",
                              "bytes ",
                              "bytes 0-1",
                              "bytes 0-1/",
                              "bytes 0-1/*",
                              "bytes */2",
                              "bytes 1-0/2",
                              "bytes 0-2/2",
                              "bytes -1-0/2",
                              "bytes 0-1/-2",
                              "bytes +0-1/2",
                              "bytes 0 - 1/2",
                              "bytes  0-1/2",
                              "bytes=0-1/2",
                              "octets 0-1/2",
                              "bytes 0-1/2x",
                              "bytes 0x0-0x1/2",
                              "bytes 0-1/99999999999999999999",
                              "bytes 0-99999999999999999999/2",
                              "bytes 9223372036854775807-9223372036854775807/9223372036854775807"}) {
        const Answer answer =
            send({.method = "PUT", .target = "/objects/acme/t/i/data", .body = "ab", .headers = {{"Content-Range", range}}});
        EXPECT_EQ(answer.status, 400) << range << ": " << answer.body;
    }
    EXPECT_EQ(
        send({.method = "PUT", .target = "/objects/acme/t/i/data", .body = "abc", .headers = {{"Content-Range", "bytes 0-1/2"}}}).status,
        400);
    EXPECT_EQ(
        send({.method = "PUT", .target = "/objects/acme/t/i/data", .body = "a", .headers = {{"Content-Range", "bytes 0-1/2"}}}).status,
        400);
    EXPECT_EQ(get("/objects/acme/t/i/status").body, "notReady");
}

}  // namespace
}  // namespace edgesync::api
