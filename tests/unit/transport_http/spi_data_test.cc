#include "spi_data.h"

#include "edgesync/sdk/codec.h"
#include "tests/unit/transport_http/css_fixture.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::Answer;
using http::test::Client;
using http::test::eventually;
using http::test::pattern;

constexpr char kData[] = "/spi/v1/objects/acme/model/m1/17/16/data";
const std::string kHelloDigest = "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:";

using SpiDownload = CssTest;

TEST_F(SpiDownload, SendsTheWholeWithItsLength) {
    host.data_sha256 = std::string(32, 'x');
    const Answer answer = get(kData);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello world");
    EXPECT_TRUE(answer.has("Content-Length: 11"));
    EXPECT_TRUE(answer.has("Content-Type: application/octet-stream"));
    EXPECT_TRUE(answer.has("Repr-Digest: " + codec::to_digest_field(host.data_sha256)));
    EXPECT_EQ(answer.head.find("Content-Range"), std::string::npos);
    EXPECT_EQ(answer.head.find("Content-Digest"), std::string::npos);
}

TEST_F(SpiDownload, FollowsTheTableOfRanges) {
    struct Row {
        const char* range;
        int status;
        const char* body;
        const char* content_range;
    };
    const Row rows[] = {{"bytes=0-4", 206, "hello", "bytes 0-4/11"},
                        {"bytes=6-10", 206, "world", "bytes 6-10/11"},
                        {"bytes=6-11", 206, "world", "bytes 6-10/11"},
                        {"bytes=6-", 206, "world", "bytes 6-10/11"},
                        {"bytes=-5", 206, "world", "bytes 6-10/11"},
                        {"bytes=0-10", 200, "hello world", ""},
                        {"bytes=11-20", 404, "", ""},
                        {"bytes=4-3", 400, "Invalid Range header\n", ""},
                        {"bytes=0-1,3-4", 400, "Invalid Range header\n", ""},
                        {"octets=0-4", 400, "Invalid Range header\n", ""},
                        {"x", 400, "Invalid Range header\n", ""}};
    for (const Row& row : rows) {
        const Answer answer = get(kData, std::string("Range: ") + row.range + "\r\nAccept-Encoding: gzip\r\n");
        EXPECT_EQ(answer.status, row.status) << row.range;
        EXPECT_EQ(answer.body, row.body) << row.range;
        EXPECT_EQ(answer.head.find("Content-Encoding"), std::string::npos);
        if (row.status != 206) continue;
        EXPECT_TRUE(answer.has(std::string("Content-Range: ") + row.content_range)) << answer.head;
        EXPECT_TRUE(answer.has("Content-Length: " + std::to_string(std::string(row.body).size())));
    }
}

TEST_F(SpiDownload, AddsADigestOfSmallRanges) {
    host.data = "hello world, hello";
    const Answer small = get(kData, "Range: bytes=0-10\r\n");
    EXPECT_EQ(small.body, "hello world");
    EXPECT_TRUE(small.has("Content-Digest: " + kHelloDigest)) << small.head;
    host.data = pattern(3 * kSmallPart);
    const Answer large = get(kData, "Range: bytes=1-" + std::to_string(kSmallPart + 1) + "\r\n");
    EXPECT_EQ(large.status, 206);
    EXPECT_TRUE(large.body == host.data->substr(1, static_cast<std::size_t>(kSmallPart) + 1));
    EXPECT_EQ(large.head.find("Content-Digest"), std::string::npos);
}

TEST_F(SpiDownload, SendsEmptyDataAsAWholeOnly) {
    host.data = "";
    const Answer whole = get(kData);
    EXPECT_EQ(whole.status, 200);
    EXPECT_TRUE(whole.has("Content-Length: 0"));
    EXPECT_EQ(get(kData, "Range: bytes=0-0\r\n").status, 404);
}

TEST_F(SpiDownload, IsAnsweredByTheVerdict) {
    const std::pair<Verdict, int> rows[] = {{Verdict::NotFound, 404}, {Verdict::Ignored, 409},     {Verdict::UnknownPeer, 424},
                                            {Verdict::Busy, 429},     {Verdict::Unavailable, 503}, {Verdict::Failed, 500}};
    for (const auto& [verdict, status] : rows) {
        host.open_verdict = verdict;
        EXPECT_EQ(get(kData).status, status);
        EXPECT_EQ(get(kData, "Range: nonsense\r\n").status, status) << "the record is looked up before the range is read";
    }
}

using SpiUpload = CssTest;

TEST_F(SpiUpload, TakesAWholeBodyWithAndWithoutLength) {
    const std::string octets = pattern(1500000);
    EXPECT_EQ(put(kData, octets, "Repr-Digest: " + kHelloDigest + "\r\n").status, 204);
    auto upload = host.upload();
    EXPECT_EQ(upload.peer, (NodeKey{"acme", "edge", "n1"}));
    EXPECT_EQ(upload.request.key, (ObjectKey{"acme", "model", "m1"}));
    EXPECT_EQ(upload.request.instance_id, 17);
    EXPECT_EQ(upload.request.data_id, 16);
    EXPECT_EQ(upload.request.length, 0);
    EXPECT_EQ(upload.body_length, 1500000);
    EXPECT_TRUE(upload.octets == octets);
    EXPECT_EQ(codec::to_digest_field(upload.repr_sha256), kHelloDigest);
    EXPECT_TRUE(upload.is_finished);
    EXPECT_EQ(ask("PUT " + std::string(kData) + " HTTP/1.1\r\nHost: h\r\n" + kNode +
                  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
                  .status,
              204);
    upload = host.upload();
    EXPECT_EQ(upload.body_length, -1);
    EXPECT_EQ(upload.octets, "hello world");
    EXPECT_EQ(put(kData).status, 204);
    EXPECT_EQ(host.upload().octets, "");
}

TEST_F(SpiUpload, TakesAChunkAndIgnoresItsPadding) {
    const std::string padding(1000000, '\0');
    EXPECT_EQ(put(kData, "world" + padding, "Content-Range: bytes 6-10/11\r\nContent-Digest: " + kHelloDigest + "\r\n").status, 204);
    const auto upload = host.upload();
    EXPECT_EQ(upload.request.offset, 6);
    EXPECT_EQ(upload.request.length, 5);
    EXPECT_EQ(upload.request.total, 11);
    EXPECT_EQ(upload.octets, "world");
    EXPECT_EQ(codec::to_digest_field(upload.content_sha256), kHelloDigest);
    EXPECT_TRUE(upload.is_finished);
    EXPECT_EQ(put(kData, "world", "Content-Range: bytes 6-10/11\r\n").status, 204);
    EXPECT_EQ(host.upload().octets, "world");
}

TEST_F(SpiUpload, ThatIsShorterThanItsRangeFails) {
    const Answer answer = put(kData, "wor", "Content-Range: bytes 6-10/11\r\n");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, "The body is 2 bytes shorter than its Content-Range\n");
    EXPECT_TRUE(host.upload().is_aborted);
    EXPECT_FALSE(host.upload().is_finished);
}

TEST_F(SpiUpload, ThatBreaksOffIsAborted) {
    {
        Client client(css.listener.port());
        client.send("PUT " + std::string(kData) + " HTTP/1.1\r\nHost: h\r\n" + kNode + "Content-Length: 1000000\r\n\r\n" + pattern(500000));
        ASSERT_TRUE(eventually([&] { return host.upload().request.instance_id == 17; }));
    }
    ASSERT_TRUE(eventually([&] { return host.upload().is_aborted; }));
    EXPECT_FALSE(host.upload().is_finished);
}

TEST_F(SpiUpload, NeedsAProperRange) {
    for (const char* range : {"bytes 6-10/*", "bytes 10-6/11", "bytes=6-10/11", "nonsense"})
        EXPECT_EQ(put(kData, "world", std::string("Content-Range: ") + range + "\r\n").status, 400) << range;
    EXPECT_EQ(put("/spi/v1/objects/acme/model/m1/x/16/data", "world").status, 400);
}

TEST_F(SpiUpload, IsAnsweredByItsVerdict) {
    const std::pair<Verdict, int> rows[] = {
        {Verdict::Ignored, 409}, {Verdict::UnknownPeer, 424}, {Verdict::Invalid, 400}, {Verdict::Unavailable, 503}, {Verdict::Failed, 500}};
    for (const auto& [verdict, status] : rows) {
        host.verdict = {verdict, {}, "because"};
        EXPECT_EQ(put(kData, "hello").status, status);
    }
    host.verdict = {};
    host.start_verdict = {Verdict::Ignored, {}, "Another version is awaited"};
    const Answer answer = put(kData, pattern(2000000));
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(host.upload().octets, "");
}

TEST_F(SpiUpload, ThatFailsFiveTimesInASecondIsSlowedDown) {
    host.verdict = {Verdict::Failed, {}, "broken"};
    EXPECT_EQ(statuses_within_a_second(6, "data", "hello"), (std::vector<int>{500, 500, 500, 500, 500, 429}));
}

}  // namespace
}  // namespace edgesync::transport_http::test
