// What an ESS makes of the answers to its downloads and of repeated announcements (node protocol 7.2, 8; extensions 2).
#include "edgesync/sdk/codec.h"
#include "kernel/data/digest.h"
#include "tests/unit/edge_over_http/edge_node.h"
#include "tests/unit/edge_over_http/scripted_css.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::eventually;
using http::test::pattern;

constexpr std::int32_t kWholeMode = 0;
constexpr std::int32_t kChunkMode = 1000;

const std::string kData = pattern(10000);

/// A registered node that was told of m1, version 17.
struct Download {
    explicit Download(EdgeOptions options = {}) : edge(store, css.port(), std::move(options)) { css.set_data(kData); }
    /// False: not registered.
    bool begin(std::int32_t chunk_size, const std::string& sha256 = {}) {
        if (!edge.registers()) return false;
        edge.announce(announced("m1", 17, 10000, chunk_size), sha256);
        return true;
    }
    bool is_complete() {
        return eventually([&] { return edge.data("m1") == kData; });
    }
    /// The code of the one feedback; 0: none came.
    int feedback_code() {
        if (!eventually([&] { return css.count("feedback") > 0; })) return 0;
        return codec::feedback_from_json(css.calls("feedback").front().request.body).code;
    }

    ScriptedCss css;
    LoadedStore store{EDGESYNC_MEMORY_STORE};
    EdgeNode edge;
};

TEST(FetcherAnswers, AnErrorThatStaysEndsTheReceptionAndIsReported) {
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        for (const int status : {204, 400, 403, 500, 501}) {
            Download download;
            download.css.answer("get data", status);
            ASSERT_TRUE(download.begin(mode));
            ASSERT_EQ(download.feedback_code(), 1) << status << " " << mode;
            EXPECT_TRUE(eventually([&] { return download.edge.exchange("m1") == "receiverError"; })) << status << " " << mode;
            EXPECT_EQ(download.edge.fetch_timers.timers(), 0U) << "it would ask again: " << status;
            EXPECT_FALSE(download.edge.data("m1"));
            const auto sent = download.css.calls("feedback").front();
            EXPECT_EQ(sent.request.path, "/spi/v1/objects/acme/model/m1/17/17/feedback") << status;
        }
    }
}

TEST(FetcherAnswers, AnErrorOfTheLineOnlyDelays) {
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        for (const int status : {307, 408, 409, 429, 502, 503, 504, ScriptedCss::kCut}) {
            Download download;
            // Small data is asked for once before the transfer proper.
            download.css.answer("get data", status);
            ASSERT_TRUE(download.begin(mode));
            ASSERT_EQ(download.edge.fetch_timers.fire(), milliseconds(2000)) << status << " " << mode;
            EXPECT_EQ(download.edge.exchange("m1"), "getdata") << status << " " << mode;
            download.css.answer("get data", ScriptedCss::kDefault);
            // One of the two may have been answered the old way.
            EXPECT_TRUE(eventually([&] {
                if (download.edge.data("m1") == kData) return true;
                if (download.edge.fetch_timers.timers() > 0) download.edge.fetch_timers.fire();
                return false;
            })) << status
                << " " << mode;
            EXPECT_EQ(download.css.count("feedback"), 0U) << status << " " << mode;
        }
    }
}

TEST(FetcherAnswers, NoDataAnyMoreEndsTheObject) {
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        Download download;
        download.css.answer("get data", 404);
        ASSERT_TRUE(download.begin(mode));
        EXPECT_TRUE(eventually([&] { return !download.edge.object("m1"); })) << mode;
        EXPECT_EQ(download.edge.exchange("m1"), "") << mode;
        download.edge.outbox.stop();
        EXPECT_EQ(download.css.count("feedback"), 0U) << mode;
    }
}

TEST(FetcherAnswers, TheWholeInPlaceOfAChunkIsTakenAsTheWhole) {
    for (const int parallel : {1, 4}) {
        Download download({.settings = {}, .parallel_chunks = parallel, .verify = {}});
        download.css.answer("get data", ScriptedCss::kWhole);
        ASSERT_TRUE(download.begin(kChunkMode));
        EXPECT_TRUE(download.is_complete()) << parallel;
    }
}

TEST(FetcherAnswers, DataOfAnotherLengthIsRefused) {
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        for (const std::size_t length : {std::size_t{9999}, std::size_t{10001}, std::size_t{0}}) {
            Download download;
            download.css.set_data(pattern(length));
            download.css.answer("get data", ScriptedCss::kWhole);
            ASSERT_TRUE(download.begin(mode));
            EXPECT_EQ(download.feedback_code(), 1) << length << " " << mode;
            EXPECT_TRUE(eventually([&] { return download.edge.exchange("m1") == "receiverError"; })) << length << " " << mode;
            EXPECT_FALSE(download.edge.data("m1")) << length << " " << mode;
        }
    }
}

TEST(FetcherAnswers, AShortChunkIsRefused) {
    Download download;
    download.css.set_data(pattern(9500));
    ASSERT_TRUE(download.begin(kChunkMode));
    EXPECT_EQ(download.feedback_code(), 1);
    EXPECT_FALSE(download.edge.data("m1"));
}

TEST(FetcherAnswers, DataIsComparedWithTheDigestThatComesWithIt) {
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        Download good;
        good.css.set_digest(codec::to_digest_field(data::sha256_of(kData)));
        ASSERT_TRUE(good.begin(mode));
        EXPECT_TRUE(good.is_complete()) << mode;

        Download bad;
        bad.css.set_digest(codec::to_digest_field(data::sha256_of("other octets")));
        ASSERT_TRUE(bad.begin(mode));
        ASSERT_EQ(bad.feedback_code(), 2) << mode;
        const auto reason = codec::feedback_from_json(bad.css.calls("feedback").front().request.body).reason;
        EXPECT_NE(reason.find(data::to_hex(data::sha256_of(kData))), std::string::npos) << reason;
        EXPECT_NE(reason.find(data::to_hex(data::sha256_of("other octets"))), std::string::npos) << reason;
        EXPECT_FALSE(bad.edge.data("m1")) << mode;
    }
}

TEST(FetcherAnswers, ForgedDataIsNeverPublished) {
    EdgeOptions options;
    options.verify = [](const Metadata&, BlobWriter&) { return std::string("the signature does not match"); };
    for (const std::int32_t mode : {kWholeMode, kChunkMode}) {
        Download download(options);
        ASSERT_TRUE(download.edge.registers());
        Metadata meta = announced("m1", 17, 10000, mode);
        meta.hash_algorithm = "SHA256";
        meta.public_key = "a key";
        meta.signature = "a signature";
        download.edge.announce(meta);
        EXPECT_EQ(download.feedback_code(), 1) << mode;
        EXPECT_TRUE(eventually([&] { return download.edge.object("m1")->status == ObjectStatus::ReceiverVerificationFailed; })) << mode;
        EXPECT_FALSE(download.edge.data("m1")) << mode;
        EXPECT_FALSE(download.edge.object("m1")->staged) << mode;
    }
}

TEST(FetcherAnswers, AFailedVersionIsFetchedWhenItIsAnnouncedAgain) {
    Download download;
    download.css.answer("get data", 500);
    ASSERT_TRUE(download.begin(kChunkMode));
    ASSERT_EQ(download.feedback_code(), 1);
    ASSERT_TRUE(eventually([&] { return download.edge.exchange("m1") == "receiverError"; }));
    download.css.answer("get data", ScriptedCss::kDefault);
    EXPECT_EQ(download.edge.announce(announced("m1", 17, 10000, kChunkMode)).verdict, Verdict::Accepted);
    EXPECT_TRUE(download.is_complete());
}

TEST(FetcherAnswers, ACompleteVersionIsReportedAndTheReportIsAcknowledged) {
    for (const int answer : {204, 409}) {
        Download download;
        download.css.answer("received", answer);
        ASSERT_TRUE(download.begin(kChunkMode));
        ASSERT_TRUE(download.is_complete());
        EXPECT_TRUE(eventually([&] { return download.edge.exchange("m1") == "ackreceived"; })) << answer;
        EXPECT_EQ(download.css.count("received"), 1U) << answer;
        EXPECT_EQ(download.css.calls("received").front().request.path, "/spi/v1/objects/acme/model/m1/17/17/received");
    }
}

TEST(FetcherAnswers, ARepeatedAnnouncementStartsNoSecondDownload) {
    Download download;
    download.css.answer("get data", ScriptedCss::kHold);
    ASSERT_TRUE(download.begin(kChunkMode));
    ASSERT_TRUE(eventually([&] { return download.css.held() == 1; }));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(download.edge.announce(announced("m1", 17, 10000, kChunkMode)).verdict, Verdict::Ignored);
    }
    EXPECT_TRUE(eventually([&] {
        download.css.release();
        return download.edge.data("m1") == kData;
    }));
    EXPECT_EQ(download.css.count("get data"), 10U);
    EXPECT_EQ(download.css.most_held(), 1U);
}

TEST(FetcherAnswers, AnAnnouncementOfWhatIsHereBringsTheReportAgainAndNoData) {
    Download download;
    ASSERT_TRUE(download.begin(kChunkMode));
    ASSERT_TRUE(eventually([&] { return download.edge.exchange("m1") == "ackreceived"; }));
    const auto downloads = download.css.count("get data");
    EXPECT_EQ(download.edge.announce(announced("m1", 17, 10000, kChunkMode)).verdict, Verdict::Ignored);
    EXPECT_TRUE(eventually([&] { return download.css.count("received") >= 2; }));
    EXPECT_EQ(download.css.count("get data"), downloads);
    EXPECT_EQ(download.edge.data("m1"), kData);
}

TEST(FetcherAnswers, AnOlderVersionIsIgnored) {
    Download download;
    ASSERT_TRUE(download.begin(kChunkMode));
    ASSERT_TRUE(download.is_complete());
    const auto downloads = download.css.count("get data");
    EXPECT_EQ(download.edge.announce(announced("m1", 16, 10000, kChunkMode)).verdict, Verdict::Ignored);
    download.edge.fetcher.stop();
    EXPECT_EQ(download.edge.object("m1")->meta.instance_id, 17);
    EXPECT_EQ(download.css.count("get data"), downloads);
}

TEST(FetcherAnswers, ANewerVersionTakesThePlaceOfTheOneBeingFetched) {
    Download download;
    download.css.answer("get data", ScriptedCss::kHold);
    ASSERT_TRUE(download.begin(kChunkMode));
    ASSERT_TRUE(eventually([&] { return download.css.held() == 1; }));
    EXPECT_EQ(download.edge.announce(announced("m1", 18, 8000, kChunkMode)).verdict, Verdict::Accepted);
    // The CSS has only the new version now.
    const std::string newer = pattern(9000).substr(1000);
    download.css.set_data(newer);
    download.css.answer("get data", [](const SpiCall& call) {
        return call.request.path.find("/18/18/") == std::string::npos ? 409 : ScriptedCss::kDefault;
    });
    download.css.release();
    EXPECT_TRUE(eventually([&] {
        if (download.edge.data("m1") == newer) return true;
        if (download.edge.fetch_timers.timers() > 0) download.edge.fetch_timers.fire();
        return false;
    }));
    EXPECT_EQ(download.edge.object("m1")->meta.instance_id, 18);
    EXPECT_EQ(download.css.count("feedback"), 0U);
}

TEST(FetcherAnswers, DataBeyondTheLimitIsNotAskedFor) {
    Download download({.settings = {}, .parallel_chunks = 1, .largest_object = 5000, .verify = {}});
    ASSERT_TRUE(download.begin(kChunkMode));
    EXPECT_EQ(download.feedback_code(), 2);
    EXPECT_EQ(download.css.count("get data"), 0U);
    EXPECT_FALSE(download.edge.data("m1"));
}

}  // namespace
}  // namespace edgesync::transport_http::test
