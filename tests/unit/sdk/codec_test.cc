#include "edgesync/sdk/codec.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <limits>
#include <random>

#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

/// As the traditional service emits it.
constexpr char kZero[] =
    R"({"objectID":"","objectType":"","destinationOrgID":"","destinationID":"","destinationType":"","destinationsList":null,)"
    R"("destinationPolicy":null,"expiration":"","version":"","description":"","link":"","inactive":false,"activationTime":"",)"
    R"("noData":false,"metaOnly":false,"destinationDataUri":"","sourceDataUri":"","consumers":0,"autodelete":false,"originID":"",)"
    R"("originType":"","deleted":false,"instanceID":0,"dataID":0,"objectSize":0,"chunkSize":0,"uploadChunkSize":0,"hashAlgorithm":"",)"
    R"("publicKey":"","signature":"","public":false,"ownerID":""})";

class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::string text() {
        static const char* const kParts[] = {"a", "Z", "\"", "\\", "\n", "é", "漢", "/", "\x01", " "};
        std::string result;
        for (auto count = engine_() % 8; count > 0; --count) result += kParts[engine_() % std::size(kParts)];
        return result;
    }
    bool flag() { return engine_() % 2 == 0; }
    std::int64_t number() {
        const std::int64_t kEdges[] = {
            0, 1, -1, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(), 1700000000000000001};
        return kEdges[engine_() % std::size(kEdges)];
    }
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }

    Metadata metadata() {
        Metadata meta;
        meta.object_id = text();
        meta.object_type = text();
        meta.org = text();
        meta.destination_id = text();
        meta.destination_type = text();
        if (flag()) meta.destinations_list = std::vector<std::string>{text(), text()};
        if (flag()) {
            meta.destination_policy.emplace();
            meta.destination_policy->properties.push_back({text(), "12", text()});
            meta.destination_policy->constraints.push_back(text());
            meta.destination_policy->services.push_back({text(), text(), text(), text()});
            meta.destination_policy->timestamp = number();
        }
        meta.expiration = text();
        meta.version = text();
        meta.description = text();
        meta.link = text();
        meta.inactive = flag();
        meta.activation_time = text();
        meta.no_data = flag();
        meta.meta_only = flag();
        meta.destination_data_uri = text();
        meta.source_data_uri = text();
        meta.consumers = static_cast<std::int32_t>(below(5));
        meta.autodelete = flag();
        meta.origin_id = text();
        meta.origin_type = text();
        meta.deleted = flag();
        meta.instance_id = number();
        meta.data_id = number();
        meta.object_size = number();
        meta.chunk_size = std::numeric_limits<std::int32_t>::max();
        meta.upload_chunk_size = number();
        meta.hash_algorithm = text();
        meta.public_key = text();
        meta.signature = text();
        meta.is_public = flag();
        meta.owner_id = text();
        return meta;
    }

    ObjectRecord object() {
        ObjectRecord record;
        record.meta = metadata();
        record.status = static_cast<ObjectStatus>(below(12));
        record.side = static_cast<Side>(below(2));
        record.policy_received = flag();
        record.remaining_consumers = static_cast<std::int32_t>(below(9));
        if (flag()) record.expires = TimePoint(std::chrono::nanoseconds(number()));
        if (flag()) record.data.emplace().bytes[3] = 7;
        if (flag()) record.staged.emplace().bytes[15] = 255;
        if (flag()) record.removed_services.push_back({text(), text(), text(), text()});
        return record;
    }

private:
    std::minstd_rand engine_;
};

TEST(JsonCodec, ZeroMetadataIsWrittenAsTheTraditionalServiceWritesIt) { EXPECT_EQ(to_json(Metadata{}), kZero); }

TEST(JsonCodec, WhatIsWrittenIsRead) {
    Random random(1);
    for (int i = 0; i < 500; ++i) {
        const Metadata meta = random.metadata();
        EXPECT_EQ(metadata_from_json(to_json(meta)), meta);
    }
}

TEST(JsonCodec, NamesMatchInAnyCaseAndUnknownOnesAreSkipped) {
    const auto meta = metadata_from_json(R"({"OBJECTid":"a","objecttype":"b","doNotSend":true,"x":{"y":[1]},"Public":true})");
    EXPECT_EQ(meta.object_id, "a");
    EXPECT_EQ(meta.object_type, "b");
    EXPECT_TRUE(meta.is_public);
}

TEST(JsonCodec, NullKeepsTheDefault) {
    EXPECT_EQ(metadata_from_json(R"({"objectID":null,"consumers":null,"destinationsList":null,"destinationPolicy":null})"), Metadata{});
}

TEST(JsonCodec, IntegersAreExact) {
    EXPECT_EQ(metadata_from_json(R"({"instanceID":9223372036854775807})").instance_id, std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(metadata_from_json(R"({"instanceID":-9223372036854775808})").instance_id, std::numeric_limits<std::int64_t>::min());
}

TEST(JsonCodec, MistakesAreRefused) {
    const std::string deep = R"({"x":)" + std::string(70, '[') + std::string(70, ']') + "}";
    for (const std::string& text : std::vector<std::string>{
             std::string(""), std::string("  "), std::string("{"), std::string("[]"), std::string("1"), std::string(R"({"objectID":1})"),
             std::string(R"({"consumers":"1"})"), std::string(R"({"consumers":1.5})"), std::string(R"({"consumers":2147483648})"),
             std::string(R"({"instanceID":9223372036854775808})"), std::string(R"({"instanceID":1e3})"),
             std::string(R"({"noData":"true"})"), std::string(R"({"destinationsList":"a:b"})"), std::string(R"({"destinationsList":[1]})"),
             std::string(R"({} x)"), std::string("{\"objectID\":\"\xff\"}"), deep}) {
        try {
            metadata_from_json(text);
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest) << text;
        }
    }
}

TEST(JsonCodec, ManyEscapesCostNoMoreThanOtherText) {
    std::string escapes;
    for (int i = 0; i < 2'000'000; ++i) escapes += R"(\\)";
    const std::clock_t begin = std::clock();  // Of the processor, which others may keep busy meanwhile.
    EXPECT_EQ(metadata_from_json(R"({"description":")" + escapes + R"("})").description.size(), 2'000'000U);
    std::string quotes;
    for (int i = 0; i < 1'000'000; ++i) quotes += R"(\")";
    EXPECT_EQ(metadata_from_json(R"({"description":")" + quotes + R"("})").description.size(), 1'000'000U);
    EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 10) << "searched again for each of them it takes a minute";
}

TEST(JsonCodec, AMistakeInALongTextIsToldInAShortOne) {
    try {
        metadata_from_json(R"({"description":")" + std::string(1'000'000, '<'));
        FAIL();
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_LT(text.size(), 300U);
        EXPECT_NE(text.find("missing closing quote"), std::string::npos) << text;
        EXPECT_EQ(text.find('<'), std::string::npos) << "an answer with it must not become a document";
    }
}

TEST(JsonCodec, MetadataHaveNoMoreValuesThanTheirLimitsAllow) {
    std::string zeros = "0";
    for (int i = 0; i < 199'990; ++i) zeros += ",0";
    EXPECT_NO_THROW(metadata_from_json(R"({"x":[)" + zeros + "]}"));
    for (int i = 0; i < 20; ++i) zeros += ",0";
    EXPECT_THROW(metadata_from_json(R"({"x":[)" + zeros + "]}"), Error);
    EXPECT_THROW(put_body_from_json(R"({"meta":{"x":[)" + zeros + "]}}"), Error);
}

TEST(JsonCodec, AnEmptyBodySaysEof) {
    try {
        put_body_from_json("");
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "EOF");
    }
}

TEST(JsonCodec, InvalidTextIsReplacedNotPassedOn) {
    std::string out;
    append_json_string(out, "a\xff\xc3z");
    EXPECT_EQ(out, "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST(PutBody, DistinguishesMissingFromEmptyData) {
    EXPECT_FALSE(put_body_from_json(R"({"meta":{}})").has_data);
    EXPECT_FALSE(put_body_from_json(R"({"meta":{},"data":null})").has_data);
    const auto empty = put_body_from_json(R"({"meta":{},"data":""})");
    EXPECT_TRUE(empty.has_data);
    EXPECT_EQ(empty.data, "");
    EXPECT_EQ(put_body_from_json(R"({"Meta":{"objectID":"x"},"DATA":"aGVsbG8="})").data, "hello");
}

TEST(PutBody, LongDataIsReadAsAnyOther) {
    std::string octets(500, '\0');
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(i * 7);
    const std::string text = base64_encode(octets);
    const std::string escaped_name = R"({"d\u0061ta":")" + text + R"(","meta":{}})";
    for (const std::string& body : {R"({"data":")" + text + R"("})", R"({"meta":{"objectID":"{[\""},"data" : ")" + text + R"(" })",
                                    R"( {"DATA":")" + text + R"(","x":["data"],"meta":{"description":"data"}})", escaped_name,
                                    R"({"data":"AAAA","data":")" + text + R"("})", R"({"\\":1,"x":"\\","data":")" + text + R"("})",
                                    R"({"data":")" + text.substr(0, 100) + R"(\u0041)" + text.substr(101) + R"("})"}) {
        const auto read = put_body_from_json(body);
        EXPECT_TRUE(read.has_data) << body;
        if (body.find("\\u0041") == std::string::npos)
            EXPECT_EQ(read.data, octets) << body;
        else
            EXPECT_EQ(read.data.size(), octets.size());
    }
    EXPECT_EQ(put_body_from_json(R"({"data":")" + text + R"(","data":"aGVsbG8="})").data, "hello");
    EXPECT_FALSE(put_body_from_json(R"({"meta":{"description":")" + text + R"("}})").has_data);
    EXPECT_FALSE(put_body_from_json(R"({"other":")" + text + R"("})").has_data);
}

TEST(PutBody, LongDataIsRefusedWhereAnyOtherIs) {
    const std::string text(400, 'A');
    const auto refusal = [](const std::string& body) {
        try {
            put_body_from_json(body);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refusal(R"({"data":")" + text + R"(?AAA"})"), "illegal base64 data");
    EXPECT_EQ(refusal(R"({"data":")" + text + R"(A"})"), "illegal base64 data");
    EXPECT_NE(refusal("{\"data\":\"" + text + "\nAAAA\"}"), "accepted");
    EXPECT_NE(refusal("{\"data\":\"" + text + "\xff\"}"), "accepted");
    EXPECT_NE(refusal(R"({"data":")" + text), "accepted");
    EXPECT_NE(refusal(R"({"data":")" + text + "\\"), "accepted");
    EXPECT_NE(refusal(R"(["data",")" + text + R"("])"), "accepted");
    // The position counts the data too.
    EXPECT_NE(refusal(R"({"data":")" + text + R"(","x":?})").find("column 41"), std::string::npos);
}

TEST(Base64, RoundTripsAndRefusesWhatIsNot) {
    std::string octets;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(base64_decode(base64_encode(octets)), octets);
        octets += static_cast<char>(i * 7);
    }
    EXPECT_EQ(base64_decode("aGVs\r\nbG8="), "hello");
    for (const char* text : {"a", "aG", "aGV", "aGVsbG8", "====", "aGVs=bG8", "aGV$", "aGVsbG8=="})
        EXPECT_FALSE(base64_decode(text)) << text;
}

TEST(Digest, FieldRoundTrips) {
    const std::string digest(32, '\x5a');
    EXPECT_EQ(sha256_from_digest_field(to_digest_field(digest)), digest);
    EXPECT_EQ(sha256_from_digest_field("md5=:AAAA:, " + to_digest_field(digest)), digest);
    for (const char* text : {"", "sha-256=:AAAA:", "sha-256=AAAA", "sha-512=:AAAA:", "xsha-256=:AAAA:"})
        EXPECT_EQ(sha256_from_digest_field(text), "") << text;
}

TEST(PollItems, RoundTripAndSkipUnknownTypes) {
    Random random(3);
    Message update;
    update.command = Command::Update;
    update.meta = random.metadata();
    update.sha256 = std::string(32, 'd');
    Message consumed;
    consumed.command = Command::Consumed;
    const auto items = poll_items_from_json(poll_items_to_json({update, consumed}));
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].meta, update.meta);
    EXPECT_EQ(items[0].sha256, update.sha256);
    EXPECT_EQ(items[1].command, Command::Consumed);
    EXPECT_TRUE(poll_items_from_json(R"([{"Type":"surprise","MetaData":{}}])").empty());
    EXPECT_TRUE(poll_items_from_json("[]").empty());
}

TEST(RecordCodec, RecordsRoundTrip) {
    Random random(5);
    for (int i = 0; i < 500; ++i) {
        const ObjectRecord record = random.object();
        EXPECT_EQ(decode_object(encode(record)), record);
    }
    BlobRecord blob;
    blob.owner = {"o", "t", "i"};
    blob.received = {{0, 5}, {9, 1LL << 40}};
    blob.sha256 = std::string(32, '\0');
    EXPECT_EQ(decode_blob(encode(blob)), blob);
    const NotificationRecord notification{
        {"o", "t", "i"}, {"o", "n", "m"}, NotificationStatus::GetData, -5, 7, TimePoint(std::chrono::nanoseconds(3)), 9};
    EXPECT_EQ(decode_notification(encode(notification)), notification);
    const WorkItem work{7, "kind", std::string("a\0b", 3), TimePoint(std::chrono::nanoseconds(-1)), 3};
    EXPECT_EQ(decode_work(encode(work)), work);
}

TEST(RecordCodec, TruncatedAndMutatedRecordsNeverDoHarm) {
    Random random(6);
    const std::string good = encode(random.object());
    for (std::size_t size = 0; size < good.size(); ++size) EXPECT_THROW(decode_object(good.substr(0, size)), Error) << size;
    for (int i = 0; i < 20000; ++i) {
        std::string bad = good;
        bad[random.below(static_cast<std::uint32_t>(bad.size()))] = static_cast<char>(random.below(256));
        try {
            decode_object(bad);
        } catch (const Error& error) {
            ASSERT_EQ(error.kind(), ErrorKind::Corrupt);
        }
    }
}

}  // namespace
}  // namespace edgesync::codec
