// An ESS downloads what was announced: in which pieces, how many at once, and how it goes on after a break (node protocol 8).
#include <set>

#include "tests/unit/edge_over_http/edge_node.h"
#include "tests/unit/edge_over_http/scripted_css.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::eventually;
using http::test::pattern;
using Range = std::pair<std::int64_t, std::int64_t>;

std::vector<Range> ranges_of(const ScriptedCss& css) {
    std::vector<Range> ranges;
    for (const auto& call : css.calls("get data")) ranges.push_back(call.range());
    return ranges;
}

class FetcherTest : public testing::Test {
protected:
    FetcherTest() { css.set_data(kData); }

    /// Chunks from the first up to `count` arrive; the others are answered with `status`.
    void break_after(std::size_t count, int status) {
        css.answer("get data", [count, status, seen = std::make_shared<std::size_t>(0)](const SpiCall&) {
            return (*seen)++ < count ? ScriptedCss::kDefault : status;
        });
    }
    static bool has_data(EdgeNode& node, const std::string& octets = kData) {
        return eventually([&] { return node.data("m1") == octets; });
    }

    inline static const std::string kData = pattern(10000);
    ScriptedCss css;
    LoadedStore store{EDGESYNC_MEMORY_STORE};
};

TEST_F(FetcherTest, AsksForTheWholeOrForEveryChunkInTurn) {
    struct Row {
        std::int64_t size;
        std::int32_t chunk_size;
        std::vector<Range> ranges;
    };
    const Row rows[] = {
        {10000, 4000, {{0, 4000}, {4000, 8000}, {8000, 10000}}},
        {10000, 5000, {{0, 5000}, {5000, 10000}}},
        {10000, 9999, {{0, 9999}, {9999, 10000}}},
        {10000, 10000, {{0, 0}}},  // {0, 0}: no Range
        {10000, 10001, {{0, 0}}},
        {10000, 0, {{0, 0}}},
        {10000, -1, {{0, 0}}},
        {200000, 200000, {{0, 0}}},
        {200000, 100000, {{0, 100000}, {100000, 200000}}},
        {1, 1, {{0, 0}}},
    };
    for (const Row& row : rows) {
        ScriptedCss fresh;
        LoadedStore empty{EDGESYNC_MEMORY_STORE};
        EdgeNode edge{empty, fresh.port()};
        const std::string data = pattern(static_cast<std::size_t>(row.size));
        fresh.set_data(data);
        EXPECT_EQ(edge.announce(announced("m1", 17, row.size, row.chunk_size)).verdict, Verdict::Accepted);
        EXPECT_TRUE(has_data(edge, data)) << row.size << "/" << row.chunk_size;
        EXPECT_EQ(ranges_of(fresh), row.ranges) << row.size << "/" << row.chunk_size;
        EXPECT_EQ(edge.object("m1")->status, ObjectStatus::CompletelyReceived);
    }
}

TEST_F(FetcherTest, NamesTheVersionItAsksFor) {
    EdgeNode edge{store, css.port()};
    Metadata meta = announced("m1", 1700000000000000017, 10000, 4000);
    meta.data_id = 1700000000000000015;
    edge.announce(meta);
    ASSERT_TRUE(has_data(edge));
    for (const auto& call : css.calls("get data")) {
        EXPECT_EQ(call.request.path, "/spi/v1/objects/acme/model/m1/1700000000000000017/1700000000000000015/data");
        EXPECT_EQ(call.header("X-Sync-Service-Dest"), "acme/edge/n1");
    }
}

TEST_F(FetcherTest, KeepsAsManyChunksInFlightAsItIsAllowed) {
    for (const int allowed : {1, 2, 4}) {
        ScriptedCss holding;
        LoadedStore empty{EDGESYNC_MEMORY_STORE};
        EdgeNode edge{empty, holding.port(), {.settings = {}, .parallel_chunks = allowed, .verify = {}}};
        holding.set_data(kData);
        holding.answer("get data", ScriptedCss::kHold);
        edge.announce(announced("m1", 17, 10000, 500));
        EXPECT_TRUE(eventually([&] { return holding.held() == static_cast<std::size_t>(allowed); })) << allowed;
        EXPECT_TRUE(eventually([&] {
            holding.release();
            return edge.data("m1") == kData;
        })) << allowed;
        EXPECT_EQ(holding.most_held(), static_cast<std::size_t>(allowed));
        const auto ranges = ranges_of(holding);
        EXPECT_EQ(std::set<Range>(ranges.begin(), ranges.end()).size(), 20U) << allowed;
        EXPECT_EQ(ranges.size(), 20U) << "a chunk was asked for twice";
    }
}

TEST_F(FetcherTest, PutsChunksInPlaceInWhateverOrderTheyCome) {
    EdgeNode edge{store, css.port(), {.settings = {}, .parallel_chunks = 4, .verify = {}}};
    css.answer("get data", [](const SpiCall& call) { return call.range().first == 0 ? ScriptedCss::kHold : ScriptedCss::kDefault; });
    edge.announce(announced("m1", 17, 10000, 1000));
    ASSERT_TRUE(eventually([&] { return css.count("get data") == 10 && css.held() == 1; }));
    EXPECT_FALSE(edge.data("m1")) << "published although the first chunk is missing";
    css.release();
    EXPECT_TRUE(has_data(edge));
}

TEST_F(FetcherTest, FetchesThreeObjectsAtATime) {
    EdgeNode edge{store, css.port()};
    css.answer("get data", ScriptedCss::kHold);
    for (int i = 0; i < 5; ++i) edge.announce(announced("m" + std::to_string(i), 17, 10000, 5000));
    EXPECT_TRUE(eventually([&] { return css.held() == 3; }));
    EXPECT_TRUE(eventually([&] {
        css.release();
        for (int i = 0; i < 5; ++i) {
            if (edge.data("m" + std::to_string(i)) != kData) return false;
        }
        return true;
    }));
    EXPECT_EQ(css.most_held(), 3U);
}

TEST_F(FetcherTest, AsksAgainOnlyForWhatIsMissing) {
    EdgeNode edge{store, css.port()};
    break_after(3, 503);
    edge.announce(announced("m1", 17, 10000, 1000));
    ASSERT_TRUE(eventually([&] { return edge.fetch_timers.timers() == 1; }));
    EXPECT_EQ(css.count("get data"), 4U) << "it went on although the CSS asked for a pause";
    EXPECT_FALSE(edge.data("m1"));
    css.answer("get data", ScriptedCss::kDefault);
    EXPECT_TRUE(edge.fetch_timers.fire());
    ASSERT_TRUE(has_data(edge));
    const auto ranges = ranges_of(css);
    const std::vector<Range> again(ranges.begin() + 4, ranges.end());
    EXPECT_EQ(again,
              (std::vector<Range>{{3000, 4000}, {4000, 5000}, {5000, 6000}, {6000, 7000}, {7000, 8000}, {8000, 9000}, {9000, 10000}}));
}

TEST_F(FetcherTest, KeepsThePartOfAChunkThatCameBeforeTheConnectionBroke) {
    constexpr std::int64_t kChunk = 4'000'000;
    const std::string data = pattern(2 * kChunk);
    css.set_data(data);
    EdgeNode edge{store, css.port()};
    break_after(1, ScriptedCss::kCut);
    edge.announce(announced("m1", 17, 2 * kChunk, kChunk));
    ASSERT_TRUE(eventually([&] { return edge.fetch_timers.timers() == 1; }));
    css.answer("get data", ScriptedCss::kDefault);
    EXPECT_TRUE(edge.fetch_timers.fire());
    ASSERT_TRUE(has_data(edge, data));
    const auto ranges = ranges_of(css);
    ASSERT_EQ(ranges.size(), 3U);
    EXPECT_GT(ranges[2].first, kChunk) << "the chunk was begun anew";
    EXPECT_LE(ranges[2].first, kChunk + kChunk / 2) << "more was taken as received than was sent";
    EXPECT_EQ(ranges[2].second, 2 * kChunk);
}

TEST_F(FetcherTest, PausesLongerAfterEveryFailureAndForgetsThatAfterASuccess) {
    EdgeNode edge{store, css.port()};
    css.answer("get data", 429);
    edge.announce(announced("m1", 17, 10000, 1000));
    for (const int seconds : {2, 4, 8, 16, 32, 60, 60}) EXPECT_EQ(edge.fetch_timers.fire(), milliseconds(seconds * 1000));
    ASSERT_TRUE(eventually([&] { return edge.fetch_timers.timers() == 1; }));
    css.answer("get data", ScriptedCss::kDefault);
    EXPECT_EQ(edge.fetch_timers.fire(), milliseconds(60000));
    ASSERT_TRUE(has_data(edge));
    css.answer("get data", 429);
    edge.announce(announced("m1", 18, 10000, 1000));
    EXPECT_EQ(edge.fetch_timers.fire(), milliseconds(2000));
}

class RestartTest : public FetcherTest, public testing::WithParamInterface<int> {};

/// The parameter: chunks that arrive before the process ends.
TEST_P(RestartTest, GoesOnWhereTheProcessBeforeItEnded) {
    LoadedStore durable{EDGESYNC_LMDB_STORE};
    const auto before = static_cast<std::size_t>(GetParam());
    break_after(before, ScriptedCss::kHold);
    {
        EdgeNode edge{durable, css.port()};
        ASSERT_TRUE(edge.registers());
        edge.announce(announced("m1", 17, 10000, 1000));
        ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    }
    durable.restart();
    ScriptedCss later;
    later.set_data(kData);
    EdgeNode edge{durable, later.port()};
    EXPECT_EQ(edge.exchange("m1"), "getdata");
    ASSERT_TRUE(edge.registers());
    ASSERT_TRUE(has_data(edge));
    const auto ranges = ranges_of(later);
    EXPECT_EQ(ranges.size(), 10 - before);
    EXPECT_EQ(ranges.front(), Range(before * 1000, before * 1000 + 1000));
    EXPECT_TRUE(eventually([&] { return later.count("received") == 1; }));
}
INSTANTIATE_TEST_SUITE_P(Chunks, RestartTest, testing::Values(0, 1, 4, 9));

TEST_F(FetcherTest, DoesNotFetchBeforeItIsRegisteredAgain) {
    LoadedStore durable{EDGESYNC_LMDB_STORE};
    css.answer("get data", 503);
    {
        EdgeNode edge{durable, css.port()};
        edge.announce(announced("m1", 17, 10000, 1000));
        ASSERT_TRUE(eventually([&] { return css.count("get data") == 1; }));
    }
    durable.restart();
    ScriptedCss later;
    later.set_data(kData);
    later.answer("register", ScriptedCss::kHold);
    EdgeNode edge{durable, later.port()};
    edge.registration.start();
    ASSERT_TRUE(eventually([&] { return later.held() == 1; }));
    later.release();
    ASSERT_TRUE(has_data(edge));
    EXPECT_EQ(later.actions().front(), "register");
}

TEST_F(FetcherTest, WaitsForAFreeWorker) {
    EdgeNode edge{store, css.port()};
    edge.fetch_timers.takes_work = false;
    edge.announce(announced("m1", 17, 10000, 1000));
    EXPECT_EQ(css.count("get data"), 0U);
    edge.fetch_timers.takes_work = true;
    edge.fetcher.resume_all();
    EXPECT_TRUE(has_data(edge));
}

TEST_F(FetcherTest, StopsADownloadInProgressAtOnce) {
    EdgeNode edge{store, css.port(), {.settings = {}, .parallel_chunks = 3, .verify = {}}};
    css.answer("get data", ScriptedCss::kHold);
    edge.announce(announced("m1", 17, 10000, 1000));
    ASSERT_TRUE(eventually([&] { return css.held() == 3; }));
    const auto began = std::chrono::steady_clock::now();
    edge.transport.drain();
    edge.fetcher.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_EQ(edge.exchange("m1"), "getdata") << "the next start goes on";
    EXPECT_EQ(css.count("get data"), 3U);
}

}  // namespace
}  // namespace edgesync::transport_http::test
