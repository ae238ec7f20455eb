#include "spi_path.h"

#include <gtest/gtest.h>

namespace edgesync::transport_http {
namespace {

TEST(SpiRange, FollowsTheTable) {
    struct Row {
        const char* field;
        std::int64_t size;
        std::int64_t begin;  ///< -1: malformed.
        std::int64_t end;
    };
    const Row rows[] = {
        {"bytes=0-4", 11, 0, 5},
        {"bytes=5-10", 11, 5, 11},
        {"bytes=5-11", 11, 5, 11},  // One too far, as the traditional node asks.
        {"bytes=5-9223372036854775807", 11, 5, 11},
        {"bytes=0-10", 11, 0, 11},
        {"bytes=4-", 11, 4, 11},
        {"bytes=-3", 11, 8, 11},
        {"bytes=-30", 11, 0, 11},
        {"bytes=11-20", 11, 11, 11},
        {"bytes=12-", 11, 11, 11},
        {"bytes=0-0", 0, 0, 0},
        {"bytes=4-3", 11, -1, 0},
        {"bytes=0-4,6-7", 11, -1, 0},
        {"bytes=", 11, -1, 0},
        {"bytes=-", 11, -1, 0},
        {"bytes=-0", 11, -1, 0},
        {"bytes", 11, -1, 0},
        {"", 11, -1, 0},
        {"lines=0-4", 11, -1, 0},
        {"bytes=a-b", 11, -1, 0},
        {"bytes=0x1-2", 11, -1, 0},
        {"bytes=+1-2", 11, -1, 0},
        {"bytes=99999999999999999999-", 11, -1, 0},
    };
    for (const Row& row : rows) {
        const auto range = parse_range(row.field, row.size);
        ASSERT_EQ(range.has_value(), row.begin >= 0) << row.field;
        if (!range) continue;
        EXPECT_EQ(range->begin, row.begin) << row.field;
        EXPECT_EQ(range->end, row.end) << row.field;
    }
}

TEST(SpiStatus, MapsEveryVerdict) {
    const std::pair<Verdict, int> rows[] = {{Verdict::Accepted, 204}, {Verdict::Ignored, 409},     {Verdict::UnknownPeer, 424},
                                            {Verdict::NotFound, 404}, {Verdict::Invalid, 400},     {Verdict::Refused, 403},
                                            {Verdict::Busy, 429},     {Verdict::Unavailable, 503}, {Verdict::Failed, 500}};
    for (const auto& [verdict, status] : rows) {
        EXPECT_EQ(status_of(verdict), status);
        EXPECT_EQ(verdict_of(status), verdict) << status;
    }
}

TEST(SpiStatus, TakesSignalsToRetryAsUnavailable) {
    for (const int status : {307, 408, 502, 503, 504}) EXPECT_EQ(verdict_of(status), Verdict::Unavailable) << status;
    for (const int status : {301, 302, 401, 405, 413, 418, 501}) EXPECT_EQ(verdict_of(status), Verdict::Failed) << status;
}

TEST(SpiPath, HasSixOrFiveSegments) {
    const auto six = object_path_of("/spi/v1/objects/acme/model/m%20%C3%A4@/17/-18/ackDelete");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->key, (ObjectKey{"acme", "model", "m \xC3\xA4@"}));
    EXPECT_EQ(six->instance_id, 17);
    EXPECT_EQ(six->data_id, -18);
    EXPECT_EQ(six->action, "ackDelete");
    const auto five = object_path_of("/spi/v1/objects/acme/model/m1/9223372036854775807/updated");
    ASSERT_TRUE(five);
    EXPECT_EQ(five->instance_id, INT64_MAX);
    EXPECT_EQ(five->data_id, 0);
    for (const char* wrong : {"a/t/i/1", "a/t/i/1/2/3/updated", "a/t/i/x/2/updated", "a/t/i/1/y/updated", "a/t/i/1 /2/updated",
                              "a/t/i/9223372036854775808/2/updated", "a/t/i%2Fj/1/2/updated", "a/t/i%00/1/2/updated", "a/t/../1/2/updated",
                              "a//i/1/2/updated", "a/t/i%0A/1/2/updated", "a/t/i%zz/1/2/updated"}) {
        EXPECT_FALSE(object_path_of(std::string("/spi/v1/objects/") + wrong)) << wrong;
    }
}

TEST(SpiPath, IsReadAsItWasWritten) {
    const ObjectKey key{"acme", "type!#$^*~|", "id.with_all-@\xC3\xA9\xE4\xB8\xAD"};
    const auto path = object_path_of(object_url(key, INT64_MIN, INT64_MAX, "feedback"));
    ASSERT_TRUE(path);
    EXPECT_EQ(path->key, key);
    EXPECT_EQ(path->instance_id, INT64_MIN);
    EXPECT_EQ(path->data_id, INT64_MAX);
}

TEST(SpiPath, KnowsActionsByTheirExactSpelling) {
    for (const char* known : {"update", "updated", "received", "ackreceived", "consumed", "ackconsumed", "feedback", "delete", "ackDelete",
                              "deleted", "ackDeleted"}) {
        EXPECT_TRUE(command_of(known)) << known;
    }
    for (const char* unknown : {"data", "resend", "Update", "ackdelete", "ackReceived", "", "getdata", "register", "ackdeleted"}) {
        EXPECT_FALSE(command_of(unknown)) << unknown;
    }
}

TEST(PreferHeader, GivesTheWait) {
    const std::pair<const char*, int> rows[] = {{"wait=30", 30},
                                                {"respond-async, wait=30", 30},
                                                {"Wait = 30 ; foo=bar, x", 30},
                                                {"wait=\"30\"", 30},
                                                {"wait=300", 300},
                                                {"wait=301", 300},
                                                {"wait=1, wait=20", 1},
                                                {"wait=0", 0},
                                                {"wait=-1", 0},
                                                {"wait=abc", 0},
                                                {"wait", 0},
                                                {"waiting=3", 0},
                                                {"", 0}};
    for (const auto& [field, seconds] : rows) EXPECT_EQ(preferred_wait(field), seconds) << field;
}

TEST(TokenList, DropsBlanksAndEmptyTokens) {
    EXPECT_EQ(split_list(" wait ,, digest,"), (std::vector<std::string>{"wait", "digest"}));
    EXPECT_TRUE(split_list("").empty());
}

}  // namespace
}  // namespace edgesync::transport_http
