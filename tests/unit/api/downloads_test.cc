#include "api_fixture.h"
#include "edgesync/sdk/codec.h"
#include "kernel/data/digest.h"

namespace edgesync::api {
namespace {

constexpr char kTarget[] = "/objects/acme/model/m1/data";

std::string sequence(std::size_t length) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
    return text;
}

class Download : public ApiTest {
protected:
    void store(const std::string& data) { publish("model", "m1", "", codec::base64_encode(data)); }
    Answer with(const char* header, const std::string& value) { return send({.target = kTarget, .headers = {{header, value}}}); }
};

TEST_F(Download, AnswersTheWholeDataWithDigestAndTag) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{200000}}) {
        const std::string data = sequence(size);
        store(data);
        const Answer answer = get(kTarget);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.content_type, "application/octet-stream");
        EXPECT_EQ(answer.body, data);
        EXPECT_EQ(answer.header("Repr-Digest"), codec::to_digest_field(data::sha256_of(data)));
        const auto object = stored("model", "m1")->meta;
        EXPECT_EQ(answer.header("ETag"), "\"" + std::to_string(object.instance_id) + "-" + std::to_string(object.data_id) + "\"");
        EXPECT_EQ(answer.header("Content-Range"), "");
    }
}

TEST_F(Download, AnswersARange) {
    for (const std::size_t size : {std::size_t{1000}, std::size_t{300000}}) {
        const std::string data = sequence(size);
        store(data);
        const Answer answer = with("Range", "bytes=10-" + std::to_string(size - 10));
        EXPECT_EQ(answer.status, 206);
        EXPECT_EQ(answer.body, data.substr(10, size - 19));
        EXPECT_EQ(answer.header("Content-Range"), "bytes 10-" + std::to_string(size - 10) + "/" + std::to_string(size));
        EXPECT_EQ(answer.header("Repr-Digest"), codec::to_digest_field(data::sha256_of(data)));
    }
    EXPECT_EQ(with("Range", "bytes=0-9").header("Content-Digest"), codec::to_digest_field(data::sha256_of(sequence(10))));
}

TEST_F(Download, AnswersTheWholeWhenTheRangeCoversIt) {
    store("hello");
    for (const char* range : {"bytes=0-4", "bytes=0-99"}) {
        const Answer answer = with("Range", range);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "hello");
    }
    EXPECT_EQ(with("Range", "bytes=1-99").status, 206);
    EXPECT_EQ(with("Range", "bytes=1-99").header("Content-Range"), "bytes 1-4/5");
}

TEST_F(Download, AnswersBadRangesWithoutTheData) {
    store("hello");
    for (const char* range : {"x", "bytes=4-2", "bytes=0-1,3-4", "lines=0-1"}) {
        const Answer answer = with("Range", range);
        EXPECT_EQ(answer.status, 400) << range;
        EXPECT_EQ(answer.body, "Invalid Range header\n");
    }
    const Answer beyond = with("Range", "bytes=5-9");
    EXPECT_EQ(beyond.status, 404);
    EXPECT_EQ(beyond.body, "");
}

TEST_F(Download, HonoursIfNoneMatchAndIfRange) {
    store("hello");
    const std::string tag = get(kTarget).header("ETag");
    for (const std::string& value : {tag, "\"x\", W/" + tag, std::string("*")}) {
        const Answer answer = with("If-None-Match", value);
        EXPECT_EQ(answer.status, 304) << value;
        EXPECT_EQ(answer.body, "");
        EXPECT_EQ(answer.header("ETag"), tag);
    }
    EXPECT_EQ(with("If-None-Match", "\"x\"").status, 200);
    EXPECT_EQ(send({.target = kTarget, .headers = {{"Range", "bytes=0-1"}, {"If-Range", tag}}}).status, 206);
    const Answer stale = send({.target = kTarget, .headers = {{"Range", "bytes=0-1"}, {"If-Range", "\"1-1\""}}});
    EXPECT_EQ(stale.status, 200);
    EXPECT_EQ(stale.body, "hello");
}

TEST_F(Download, IsNotFoundWithoutReadableData) {
    EXPECT_EQ(get(kTarget).status, 404);
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(get(kTarget).status, 404);
    publish("model", "m1", "\"noData\":true", std::nullopt);
    EXPECT_EQ(get(kTarget).status, 404);
    publish("model", "m1", "\"link\":\"http://x\"", std::nullopt);
    EXPECT_EQ(get(kTarget).status, 404);
    for (const auto status : {ObjectStatus::PartiallyReceived, ObjectStatus::ReceiverVerifying, ObjectStatus::ReceiverVerificationFailed,
                              ObjectStatus::ObjDeleted, ObjectStatus::CompletelyReceived}) {
        receive("model", "m1", status);
        EXPECT_EQ(get(kTarget).status, 404);
    }
}

TEST_F(Download, OfObjectsThatAreNotPublicIsRefusedWithItsOwnText) {
    store("hello");
    publish("model", "m2", "\"public\":true");
    const std::string text = "Unauthorized. The object may not exist or be public.\n";
    for (const char* key : {"alice@other", "bob@acme"}) {
        EXPECT_EQ(get(kTarget, key).status, 403);
        EXPECT_EQ(get(kTarget, key).body, text);
        EXPECT_EQ(get("/objects/acme/model/missing/data", key).body, text);
        EXPECT_EQ(get("/objects/acme/model/m2/data", key).body, "hello");
    }
    EXPECT_EQ(get(kTarget, "acme$v$1.0$s").body, "Unauthorized");
}

}  // namespace
}  // namespace edgesync::api
