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
    /// Half of "hello" is there, and a request begins to send other octets. At each of its steps in turn, `publish_rest` publishes the
    /// whole, which the request must leave alone. How many steps there were.
    int interrupt_the_beginning(const std::function<void()>& publish_rest, const std::string& meta = "") {
        for (int at = 1;; ++at) {
            publish("model", "m1", meta, std::nullopt);
            EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
            auto late = open({.method = "PUT", .target = kTarget, .body = "HEL", .headers = {{"Content-Range", "bytes 0-2/5"}}});
            int steps = 0;
            store_->on_step = [&] {
                if (++steps == at) publish_rest();
            };
            const bool has_begun = late.sink->start();
            store_->on_step = {};
            if (steps < at) return at - 1;
            if (has_begun && late.sink->write(std::as_bytes(std::span(std::string_view("HEL"))))) late.sink->finish();
            EXPECT_NE(late.status(), 0) << at;
            EXPECT_EQ(status(), "ready") << at;
            EXPECT_EQ(get(kTarget).body, "hello") << at;
        }
    }
    std::string status() { return get("/objects/acme/model/m1/status").body; }
    bool becomes(const std::string& expected) {
        return eventually([&] { return status() == expected; });
    }
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

TEST_F(Upload, WithASignatureButNoAlgorithmIsNotVerifiedAndTheLogSaysSo) {
    publish("model", "m1", R"("publicKey":"AAAA","signature":"AAAA")", std::nullopt);
    EXPECT_EQ(upload("hello").status, 204);
    EXPECT_EQ(status(), "ready");
    EXPECT_THAT(log_.lines, ::testing::Contains(HasSubstr("acme/model/m1 has a signature but no hashAlgorithm")));
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
    EXPECT_TRUE(becomes("verificationFailed")) << status();
    EXPECT_EQ(get(kTarget).status, 404);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
    EXPECT_TRUE(becomes("ready")) << status();
    EXPECT_EQ(get(kTarget).body, "hello");
    EXPECT_EQ(get(kTarget).header("Repr-Digest"), codec::to_digest_field(data::sha256_of("hello")));
}

class WaitingUpload : public Upload {
protected:
    WaitingUpload() {
        effects_.on_verify = {};
        publish("model", "m1", signer_.meta_for("hello"), std::nullopt);
    }
    void complete() {
        EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
        EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
        EXPECT_EQ(status(), "verifying");
    }
    void judge() {
        in_store([this](WriteTransaction& txn) {
            const ObjectKey key{"acme", "model", "m1"};
            rules::Effects effects;
            data::end_verification(node_, txn, key, data::waiting_verification(txn, key), true, effects);
        });
    }
    std::size_t waiting() {
        std::size_t count = 0;
        store_->read([&](ReadTransaction& txn) { count = data::waiting_objects(txn, 100).size(); });
        return count;
    }

    const Signer signer_;
};

TEST_F(WaitingUpload, IsVerifyingAndUnseenUntilItsTurnAlsoOverARestart) {
    complete();
    EXPECT_EQ(get(kTarget).status, 404);
    EXPECT_EQ(stored("model", "m1")->meta.object_size, 0);
    verifications_ = std::make_unique<data::VerificationQueue>(node_, *operations_, log_, 10);
    verifications_->scan();
    EXPECT_TRUE(becomes("ready")) << status();
    EXPECT_EQ(get(kTarget).body, "hello");
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(WaitingUpload, KeepsItsOctets) {
    complete();
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204) << "a repetition";
    EXPECT_EQ(chunk("HEL", "bytes 0-2/5").status, 429);
    EXPECT_EQ(chunk("LO", "bytes 3-4/5").status, 429);
    EXPECT_EQ(status(), "verifying");
    verifications_->scan();
    EXPECT_TRUE(becomes("ready")) << status();
    EXPECT_EQ(get(kTarget).body, "hello");
}

TEST_F(WaitingUpload, IsNotChangedByARequestThatBeginsWhileItIsPublished) {
    const std::string meta = signer_.meta_for("hello");
    const int moments = interrupt_the_beginning(
        [this] {
            EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
            judge();
        },
        meta);
    EXPECT_GE(moments, 4);
}

TEST_F(WaitingUpload, IsNotDroppedByARepetitionWithAWrongDigest) {
    const std::vector<HttpHeader> wrong = {{"Repr-Digest", codec::to_digest_field(data::sha256_of("other"))}};
    complete();
    EXPECT_EQ(chunk("hel", "bytes 0-2/5", wrong).status, 400);
    EXPECT_EQ(status(), "verifying");
    judge();
    EXPECT_EQ(status(), "ready");
    EXPECT_EQ(get(kTarget).body, "hello");
}

TEST_F(WaitingUpload, IsNotDroppedByARequestWithAWrongDigestThatCameBeforeItWasComplete) {
    auto late = open({.method = "PUT",
                      .target = kTarget,
                      .body = "hel",
                      .headers = {{"Content-Range", "bytes 0-2/5"}, {"Repr-Digest", codec::to_digest_field(data::sha256_of("other"))}}});
    ASSERT_TRUE(late.sink->start());
    EXPECT_TRUE(late.sink->write(std::as_bytes(std::span(std::string_view("hel")))));
    complete();
    late.sink->finish();
    EXPECT_EQ(late.status(), 400);
    EXPECT_EQ(status(), "verifying");
    judge();
    EXPECT_EQ(status(), "ready");
    EXPECT_EQ(get(kTarget).body, "hello");
}

TEST_F(WaitingUpload, GivesWayToWhatIsPublishedMeanwhile) {
    struct Case {
        std::function<void()> act;
        std::string status;
    };
    const std::vector<Case> cases = {
        {[this] { EXPECT_EQ(upload("hello").status, 204); }, "ready"},
        {[this] { publish("model", "m1", signer_.meta_for("other"), std::nullopt); }, "notReady"},
        {[this] { EXPECT_EQ(chunk("h", "bytes 0-0/4").status, 204); }, "notReady"},
        {[this] { EXPECT_EQ(remove("/objects/acme/model/m1").status, 204); }, ""},
    };
    for (const auto& part : cases) {
        publish("model", "m1", signer_.meta_for("hello"), std::nullopt);
        complete();
        part.act();
        EXPECT_EQ(status(), part.status);
        verifications_->scan();
        EXPECT_TRUE(eventually([this] { return waiting() == 0; })) << part.status;
        EXPECT_EQ(status(), part.status);
    }
}

TEST_F(WaitingUpload, IsNotTakenForAnAbandonedOne) {
    complete();
    in_store([this](WriteTransaction& txn) { objects::remove_abandoned_uploads(txn, node_.now() + std::chrono::hours(1), 100); });
    verifications_->scan();
    EXPECT_TRUE(becomes("ready")) << status();
}

TEST_F(WaitingUpload, WaitsInTheStoreWhenTheQueueIsFull) {
    verifications_ = std::make_unique<data::VerificationQueue>(node_, *operations_, log_, 1);
    effects_.on_verify = [this](const ObjectKey& key) { verifications_->add(key); };
    for (int i = 0; i < 20; ++i) {
        const std::string id = "n" + std::to_string(i);
        publish("model", id, signer_.meta_for("hello"), std::nullopt);
        EXPECT_EQ(send({.method = "PUT",
                        .target = object_target("model", id) + "/data",
                        .body = "hello",
                        .headers = {{"Content-Range", "bytes 0-4/5"}}})
                      .status,
                  204);
    }
    EXPECT_TRUE(eventually([this] {
        if (waiting() == 0) return true;
        verifications_->scan();
        return false;
    }));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(stored("model", "n" + std::to_string(i))->status, ObjectStatus::Ready);
}

TEST_F(Upload, ThatIsCompleteIsNotChangedByAnotherRequest) {
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    const auto late = [this](const std::string& part) {
        return open({.method = "PUT", .target = kTarget, .body = part, .headers = {{"Content-Range", "bytes 0-2/5"}}});
    };
    auto same = late("hel");
    auto other = late("HEL");
    for (auto* request : {&same, &other}) ASSERT_TRUE(request->sink->start());
    EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
    EXPECT_EQ(status(), "ready");

    EXPECT_FALSE(other.sink->write(std::as_bytes(std::span(std::string_view("HEL")))));
    EXPECT_EQ(other.status(), 429);
    EXPECT_TRUE(same.sink->write(std::as_bytes(std::span(std::string_view("hel")))));
    same.sink->finish();
    EXPECT_EQ(same.status(), 204);
    EXPECT_EQ(get(kTarget).body, "hello");
}

TEST_F(Upload, ThatIsPublishedWhileAnotherRequestBeginsIsNotChangedByIt) {
    EXPECT_GE(interrupt_the_beginning([this] { EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204); }), 4);
}

TEST_F(Upload, ThatIsCompleteIsNotDroppedByARepetitionWithAWrongDigest) {
    const std::string digest_of_other = codec::to_digest_field(data::sha256_of("other"));
    int refused = 0;
    for (int at = 1;; ++at) {
        publish("model", "m1", "", std::nullopt);
        EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
        int steps = 0;
        store_->on_step = [&] {
            if (++steps != at) return;
            if (chunk("hel", "bytes 0-2/5", {{"Repr-Digest", digest_of_other}}).status == 400) ++refused;
        };
        EXPECT_EQ(chunk("lo", "bytes 3-4/5").status, 204);
        store_->on_step = {};
        EXPECT_EQ(status(), "ready") << at;
        EXPECT_EQ(get(kTarget).body, "hello") << at;
        if (steps < at) break;
    }
    EXPECT_GT(refused, 0);
}

TEST_F(Upload, ByChunksIsComparedWithTheDigestOfTheWhole) {
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(chunk("hel", "bytes 0-2/5").status, 204);
    EXPECT_EQ(chunk("l0", "bytes 3-4/5", {{"Repr-Digest", codec::to_digest_field(data::sha256_of("hello"))}}).status, 400);
    EXPECT_EQ(status(), "notReady");
}

}  // namespace
}  // namespace edgesync::api
