// The SDK's functions on requests and paths.
#include <gtest/gtest.h>

#include "edgesync/sdk/http.h"

namespace edgesync {
namespace {

TEST(Request, FindsHeadersInAnyCaseAndTheFirstOfSeveral) {
    HttpRequest request;
    request.headers = {{"X-One", "1"}, {"x-one", "2"}, {"Empty", ""}};
    EXPECT_EQ(request.header("x-oNE"), "1");
    EXPECT_EQ(request.header("Two"), "");
    EXPECT_TRUE(request.has_header("EMPTY"));
    EXPECT_FALSE(request.has_header("Two"));
}

TEST(ContentRangeField, IsReadExactly) {
    const auto range = parse_content_range("bytes 5-9/12");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->begin, 5);
    EXPECT_EQ(range->end, 10);
    EXPECT_EQ(range->total, 12);
    EXPECT_EQ(parse_content_range("bytes 5-5/6")->end, 6);
    EXPECT_EQ(parse_content_range("bytes 0-0/9223372036854775807")->total, INT64_MAX);
    for (const char* wrong : {"bytes 5-9/*",
                              "bytes */12",
                              "bytes 9-5/12",
                              "bytes 5-12/12",
                              "bytes=5-9/12",
                              "octets 5-9/12",
                              "bytes 5-9",
                              "bytes 5-/12",
                              "bytes -5/12",
                              "bytes 0--1/0",
                              "bytes -1-0/2",
                              "bytes 5-9/12x",
                              "bytes 5-9/12 ",
                              "bytes  5-9/12",
                              "5-9/12",
                              "",
                              "bytes",
                              "bytes ",
                              "bytes 5-9/",
                              "bytes +5-9/12",
                              "bytes 5 - 9/12",
                              "bytes 0x5-0x9/12",
                              "bytes 5-9/-12",
                              "bytes 5-9/99999999999999999999",
                              "bytes 5-99999999999999999999/12"}) {
        EXPECT_FALSE(parse_content_range(wrong)) << wrong;
    }
}

TEST(Request, DecodesTheFirstParameterOfAName) {
    HttpRequest request;
    request.query = "a=1&b=x%20y+z&a=2&flag&%63=d&bad=%zz&=n&e=a=b";
    EXPECT_EQ(request.parameter("a"), "1");
    EXPECT_EQ(request.parameter("b"), "x y z");
    EXPECT_EQ(request.parameter("flag"), "");
    EXPECT_EQ(request.parameter("c"), "d");
    EXPECT_EQ(request.parameter("e"), "a=b");
    EXPECT_EQ(request.parameter("missing"), std::nullopt);
    EXPECT_THROW(request.parameter("bad"), Error);
    request.query = "long=" + std::string(4096, 'x') + "&longer=" + std::string(4097, 'x');
    EXPECT_EQ(request.parameter("long")->size(), 4096U);
    EXPECT_THROW(request.parameter("longer"), Error);
}

TEST(Request, AnEmptyQueryHasNoParameters) { EXPECT_EQ(HttpRequest{}.parameter("a"), std::nullopt); }

TEST(Path, IsSplitBeforeItIsDecoded) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> rows = {
        {"/a/b", {"a", "b"}},           {"a/b/", {"a", "b", ""}}, {"/", {""}},       {"", {""}}, {"/a%20b/%C3%A9", {"a b", "\xC3\xA9"}},
        {"/a+b/c%2Bd", {"a+b", "c+d"}}, {"/%2541", {"%41"}},      {"/...", {"..."}},
    };
    for (const auto& [path, segments] : rows) EXPECT_EQ(split_path(path), segments) << path;
}

TEST(Request, AParameterHasAtMostFourKibibytes) {
    HttpRequest request;
    request.query = "fits=" + std::string(4096, 'a') + "&long=" + std::string(4097, 'a');
    EXPECT_EQ(request.parameter("fits")->size(), 4096U);
    EXPECT_THROW(request.parameter("long"), Error);
}

TEST(Path, ASegmentHasAtMostOneKibibyte) {
    EXPECT_EQ(split_path("/" + std::string(1024, 'a')).front().size(), 1024U);
    EXPECT_THROW(split_path("/" + std::string(1025, 'a')), Error);
    EXPECT_THROW(split_path("/a/" + std::string(1025, 'a') + "/b"), Error);
    try {
        split_path("/%zz" + std::string(5000, 'a'));
        FAIL();
    } catch (const Error& error) {
        EXPECT_LT(std::string(error.what()).size(), 200U);
    }
}

TEST(Path, WithAnythingAmbiguousIsRefused) {
    for (const std::string path :
         {"//", "/a//b", "//a", "/a/../b", "/./a", "/..", "/a/%2e%2E/b", "/a%2Fb", "/a%00", "/a%0d", "/%0a", "/%", "/%4", "/%g1"}) {
        EXPECT_THROW(split_path(path), Error) << path;
    }
}

TEST(Path, SegmentsAreEncodedButForUnreservedOctets) {
    EXPECT_EQ(encode_segment("aZ9-._~@"), "aZ9-._~@");
    EXPECT_EQ(encode_segment("a b/\xC3\xA9%"), "a%20b%2F%C3%A9%25");
}

}  // namespace
}  // namespace edgesync
