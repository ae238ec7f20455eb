#include "api_fixture.h"
#include "edgesync/sdk/codec.h"
#include "kernel/data/digest.h"
#include "signer.h"

namespace edgesync::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTarget[] = "/objects/acme/model/m1/data";

class Upload : public ApiTest {
protected:
    Answer upload(const std::string& data, std::vector<HttpHeader> headers = {}, const std::string& key = "alice@acme") {
        return send({.method = "PUT", .target = kTarget, .body = data, .headers = std::move(headers), .key = key});
    }
    Answer chunk(const std::string& data, const std::string& range, std::vector<HttpHeader> headers = {}) {
        headers.push_back({"Content-Range", range});
        return upload(data, std::move(headers));
    }
    std::string status() { return get("/objects/acme/model/m1/status").body; }
};

TEST_F(Upload, MakesTheObjectReady) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{1000000}}) {
        publish("model", "m1", "", std::nullopt);
        EXPECT_EQ(status(), "notReady");
        const std::string data(size, 'x');
        EXPECT_EQ(upload(data).status, 204);
        EXPECT_EQ(status(), "ready");
        EXPECT_EQ(stored("model", "m1")->meta.object_size, static_cast<std::int64_t>(size));
        EXPECT_EQ(get(kTarget).body, data);
    }
}

TEST_F(Upload, WorksWithoutAnnouncedLength) {
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(send({.method = "PUT", .target = kTarget, .body = "hello", .hides_length = true}).status, 204);
    EXPECT_EQ(get(kTarget).body, "hello");
}

TEST_F(Upload, IsANewVersion) {
    publish("model", "m1");
    const auto before = stored("model", "m1")->meta;
    EXPECT_EQ(upload("new").status, 204);
    const auto after = stored("model", "m1")->meta;
    EXPECT_GT(after.instance_id, before.instance_id);
    EXPECT_EQ(after.data_id, after.instance_id);
}

TEST_F(Upload, IsRefusedAsTheTableSays) {
    EXPECT_EQ(upload("x").status, 404);
    EXPECT_EQ(upload("x", {}, "alice@other").status, 404);
    publish("model", "m1", "\"public\":true,\"noData\":true", std::nullopt);
    EXPECT_EQ(upload("x", {}, "").status, 403);
    EXPECT_EQ(upload("x", {}, "acme/camera/cam7").status, 403);
    EXPECT_EQ(upload("x", {}, "alice@other").status, 403);
    EXPECT_EQ(upload("x", {}, "bob@acme").status, 403);
    Answer answer = upload("x");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Can't update data, the NoData flag is set to true\n");
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    answer = upload("x");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Can't update data of the receiving side\n");
    EXPECT_EQ(put("/objects/acme/model/a%20b/data", "x").body, "object ID (a b) contains invalid characters\n");
}

TEST_F(Upload, StopsAtTheConfiguredSize) {
    settings_.values["MaxObjectDataSize"] = "1000";
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(upload(std::string(1001, 'x')).status, 413);
    EXPECT_EQ(send({.method = "PUT", .target = kTarget, .body = std::string(1001, 'x'), .hides_length = true}).status, 413);
    EXPECT_EQ(chunk("x", "bytes 0-0/1001").status, 413);
    EXPECT_EQ(upload(std::string(1000, 'x')).status, 204);
}

TEST_F(Upload, IsComparedWithItsDigest) {
    publish("model", "m1", "", std::nullopt);
    const std::string digest = codec::to_digest_field(data::sha256_of("hello"));
    for (const char* header : {"Repr-Digest", "Content-Digest"}) {
        const Answer answer = upload("other", {{header, digest}});
        EXPECT_EQ(answer.status, 400);
        EXPECT_THAT(answer.body, HasSubstr(data::to_hex(data::sha256_of("hello"))));
        EXPECT_EQ(status(), "notReady");
        EXPECT_EQ(upload("hello", {{header, "sha-512=:AA==:"}}).status, 204);
        publish("model", "m1", "", std::nullopt);
    }
    EXPECT_EQ(upload("hello", {{"Repr-Digest", digest}}).status, 204);
}

TEST_F(Upload, ThatBeginsAgainWithOtherOctetsIsThatUpload) {
    const std::string digest_of_new = codec::to_digest_field(data::sha256_of("newnewnewnew"));
    struct Row {
        std::vector<int> before;  ///< Chunks of the abandoned upload.
        std::vector<int> after;
    };
    for (const Row& row : {Row{{0}, {0, 1, 2}}, Row{{0, 1}, {0, 1, 2}}, Row{{0, 1}, {0, 2, 1}}, Row{{0, 2}, {0, 1, 2}}}) {
        publish("model", "m1", "", std::nullopt);
        const auto range = [](int chunk) { return "bytes " + std::to_string(4 * chunk) + "-" + std::to_string(4 * chunk + 3) + "/12"; };
        const std::string old_data = "aaaabbbbcccc";
        const std::string new_data = "newnewnewnew";
        for (const int at : row.before) EXPECT_EQ(chunk(old_data.substr(4 * static_cast<std::size_t>(at), 4), range(at)).status, 204);
        for (const int at : row.after) {
            EXPECT_EQ(status(), "notReady");
            EXPECT_EQ(chunk(new_data.substr(4 * static_cast<std::size_t>(at), 4), range(at)).status, 204);
        }
        EXPECT_EQ(status(), "ready");
        EXPECT_EQ(get(kTarget).body, new_data);
        EXPECT_EQ(get(kTarget).header("Repr-Digest"), digest_of_new);
    }
}

TEST_F(Upload, MayRepeatItsChunks) {
    publish("model", "m1", "", std::nullopt);
    for (const char* range : {"bytes 0-3/8", "bytes 0-3/8"}) EXPECT_EQ(chunk("same", range).status, 204);
    EXPECT_EQ(chunk("last", "bytes 4-7/8").status, 204);
    EXPECT_EQ(get(kTarget).body, "samelast");
}

TEST_F(Upload, IsVerified) {
    const Signer signer;
    publish("model", "m1", signer.meta_for("hello"), std::nullopt);
    Answer answer = upload("other");
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.body, StartsWith("Failed to verify and store data, Error: "));
    EXPECT_EQ(status(), "verificationFailed");
    EXPECT_EQ(get(kTarget).status, 404);
    EXPECT_EQ(upload("hello").status, 204);
    EXPECT_EQ(status(), "ready");
}

TEST_F(Upload, ByChunksCompletesInAnyOrder) {
    publish("model", "m1", "", std::nullopt);
    Answer answer = chunk("hello", "bytes 0-4/12");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.header("MMS-Upload-Owner"), "owner-uuid");
    EXPECT_EQ(status(), "notReady");
    EXPECT_EQ(chunk("ld", "bytes 10-11/12").status, 204);
    EXPECT_EQ(chunk("hello", "bytes 0-4/12").status, 204);
    EXPECT_EQ(status(), "notReady");
    EXPECT_EQ(chunk(", wor", "bytes 5-9/12").status, 204);
    EXPECT_EQ(status(), "ready");
    EXPECT_EQ(get(kTarget).body, "hello, world");
    EXPECT_EQ(get(kTarget).header("Repr-Digest"), codec::to_digest_field(data::sha256_of("hello, world")));
    EXPECT_EQ(stored("model", "m1")->meta.object_size, 12);
}

TEST_F(Upload, ByChunksKeepsTheOldDataReadableUntilTheEnd) {
    publish("model", "m1");
    EXPECT_EQ(chunk("abc", "bytes 0-2/6").status, 204);
    EXPECT_EQ(status(), "ready");
    EXPECT_EQ(get(kTarget).body, "hello");
    EXPECT_EQ(chunk("def", "bytes 3-5/6").status, 204);
    EXPECT_EQ(get(kTarget).body, "abcdef");
}

TEST_F(Upload, ByChunksStartsAnewWithAnotherTotal) {
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(chunk("abc", "bytes 0-2/6").status, 204);
    EXPECT_EQ(chunk("d", "bytes 3-3/4").status, 400);
    EXPECT_EQ(chunk("xyz", "bytes 0-2/4").status, 204);
    EXPECT_EQ(chunk("!", "bytes 3-3/4").status, 204);
    EXPECT_EQ(get(kTarget).body, "xyz!");
}

TEST_F(Upload, ByChunksRefusesMalformedRangesAndLengths) {
    publish("model", "m1", "", std::nullopt);
    for (const char* range : {"x", "bytes 0-4/*", "bytes 4-0/5", "bytes 0-9/5", "bytes=0-4/5", "bytes -4/5"}) {
        const Answer answer = chunk("hello", range);
        EXPECT_EQ(answer.status, 400) << range;
        EXPECT_THAT(answer.body, StartsWith("Failed to parse Content-Range header, Error: "));
    }
    EXPECT_EQ(chunk("hello", "bytes 0-3/10").status, 400);
    EXPECT_EQ(chunk("hello", "bytes 0-5/10").status, 400);
    for (const char* range : {"bytes 0-3/10", "bytes 0-5/10"}) {
        EXPECT_EQ(
            send({.method = "PUT", .target = kTarget, .body = "hello", .headers = {{"Content-Range", range}}, .hides_length = true}).status,
            400);
    }
    EXPECT_EQ(chunk("hello", "bytes 0-4/10", {{"Content-Digest", codec::to_digest_field(data::sha256_of("x"))}}).status, 400);
    EXPECT_EQ(status(), "notReady");
}

TEST_F(Upload, ByChunksIsVerifiedAtTheEnd) {
    const Signer signer;
    publish("model", "m1", signer.meta_for("hello"), std::nullopt);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    EXPECT_EQ(chunk("l0", "bytes 3-4/5").status, 204);
    EXPECT_EQ(status(), "verificationFailed");
    EXPECT_EQ(get(kTarget).status, 404);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
    EXPECT_EQ(status(), "ready");
}

TEST_F(Upload, ByChunksIsComparedWithTheDigestOfTheWhole) {
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    EXPECT_EQ(chunk("l0", "bytes 3-4/5", {{"Repr-Digest", codec::to_digest_field(data::sha256_of("hello"))}}).status, 400);
    EXPECT_EQ(status(), "notReady");
}

}  // namespace
}  // namespace edgesync::api
