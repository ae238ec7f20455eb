#include "kernel/plugins/call_watch.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

namespace edgesync::plugins {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds kLimit{20};

bool becomes_late(const CallWatch& watch) {
    const auto deadline = CallWatch::Clock::now() + std::chrono::seconds(10);
    while (CallWatch::Clock::now() < deadline) {
        if (watch.late(kLimit)) return true;
        std::this_thread::yield();
    }
    return false;
}

TEST(CallWatch, NamesACallThatDoesNotComeBack) {
    CallWatch watch("transport-x", nullptr);
    EXPECT_FALSE(watch.late(milliseconds(0)));
    {
        const CallWatch::Running running(watch, "send");
        ASSERT_TRUE(becomes_late(watch));
        EXPECT_STREQ(watch.late(kLimit)->call, "send");
        EXPECT_FALSE(watch.late(std::chrono::hours(1)));
    }
    EXPECT_FALSE(watch.late(milliseconds(0)));
}

TEST(CallWatch, NamesTheLongestOfManyCallsOfAnyThread) {
    CallWatch watch("transport-x", nullptr);
    const CallWatch::Running first(watch, "fetch");
    ASSERT_TRUE(becomes_late(watch));
    const CallWatch::Running second(watch, "send");
    std::string seen;
    std::thread([&] { seen = watch.late(kLimit)->call; }).join();
    EXPECT_EQ(seen, "fetch");
}

TEST(CallWatch, ATransferThatProgressesIsNotLate) {
    CallWatch watch("transport-x", nullptr);
    CallWatch::Running running(watch, "fetch");
    ASSERT_TRUE(becomes_late(watch));
    running.progressed();
    EXPECT_FALSE(watch.late(std::chrono::seconds(5)));
    EXPECT_TRUE(becomes_late(watch));
}

TEST(CallWatch, ManyCallsAtOnceNeitherBlockNorLoseAnEnd) {
    CallWatch watch("transport-x", nullptr);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 2000; ++k) {
                const CallWatch::Running outer(watch, "outer");
                const CallWatch::Running inner(watch, "inner");
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(watch.late(milliseconds(0)));
}

TEST(CallWatch, ATransactionThatDoesNotEndIsLateWhateverOthersDo) {
    CallWatch watch("store-x", nullptr);
    const auto lost = watch.submitted();
    ASSERT_TRUE(becomes_late(watch));
    for (int i = 0; i < 10; ++i) watch.ended(watch.submitted());
    ASSERT_TRUE(watch.late(kLimit));
    EXPECT_STREQ(watch.late(kLimit)->call, "a transaction");
    watch.ended(lost);
    EXPECT_FALSE(watch.late(milliseconds(0))) << "none waits";
    watch.ended(lost);
    watch.submitted();
    EXPECT_FALSE(watch.late(std::chrono::seconds(5))) << "this one came just now, whatever was before";
    EXPECT_TRUE(becomes_late(watch)) << "an end that was said twice does not hide it";
}

TEST(LatestAnswer, WhoAsksMeanwhileGetsTheOneBefore) {
    LatestAnswer<int> latest;
    EXPECT_EQ(latest.ask([] { return 1; }), 1);
    std::thread other;
    int meanwhile = 0;
    EXPECT_EQ(latest.ask([&] {
        other = std::thread([&] { meanwhile = latest.ask([] { return 3; }); });
        other.join();
        return 2;
    }),
              2);
    EXPECT_EQ(meanwhile, 1);
    EXPECT_EQ(latest.ask([] { return 4; }), 4);
}

TEST(CallWatch, KnowsTheCallThatAThreadIsIn) {
    CallWatch watch("store-x", nullptr);
    EXPECT_FALSE(CallWatch::of_this_thread());
    const CallWatch::Running outer(watch, "open");
    {
        const CallWatch::Running inner(watch, "read");
        EXPECT_EQ(CallWatch::of_this_thread(), "store-x, in read");
    }
    EXPECT_EQ(CallWatch::of_this_thread(), "store-x, in open");
    std::thread([] { EXPECT_FALSE(CallWatch::of_this_thread()); }).join();
}

TEST(CallWatch, TellsOthersWhatTheFollowedThreadIsIn) {
    CallWatch watch("store-x", nullptr);
    const CallWatch::Running of_nobody(watch, "read");
    EXPECT_FALSE(CallWatch::of_followed_thread());
    std::thread([&] {
        CallWatch::follow_this_thread();
        const CallWatch::Running outer(watch, "open");
        std::optional<std::string> seen;
        {
            const CallWatch::Running inner(watch, "now");
            std::thread([&] { seen = CallWatch::of_followed_thread(); }).join();
        }
        EXPECT_EQ(seen, "store-x, in now");
        EXPECT_EQ(CallWatch::of_followed_thread(), "store-x, in open");
    }).join();
    EXPECT_FALSE(CallWatch::of_followed_thread());
}

struct Row {
    const char* name;
    void (*call)();
    ErrorKind kind;
    const char* text;
    std::uint64_t foreign;
};

class Thrown : public testing::TestWithParam<Row> {};

TEST_P(Thrown, CrossesAsAnError) {
    std::vector<std::string> logged;
    CallWatch watch("transport-x", [&](const std::string& text) { logged.push_back(text); });
    try {
        watched(watch, "send", GetParam().call);
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), GetParam().kind);
        EXPECT_EQ(std::string(error.what()), GetParam().text);
    }
    EXPECT_EQ(watch.foreign_exceptions().count, GetParam().foreign);
    EXPECT_EQ(logged.size(), GetParam().foreign);
    EXPECT_FALSE(CallWatch::of_this_thread());
    watched_without_failure(watch, "drain", GetParam().call);
    EXPECT_EQ(watch.foreign_exceptions().count, GetParam().foreign + 1) << "a call that must not fail";
}

INSTANTIATE_TEST_SUITE_P(
    All, Thrown,
    testing::Values(Row{"AnError", [] { throw Error(ErrorKind::NotConnected, "no line"); }, ErrorKind::NotConnected, "no line", 0},
                    Row{"AStandardException", [] { throw std::out_of_range("map::at"); }, ErrorKind::Internal,
                        "transport-x failed in send: map::at", 1},
                    Row{"ANumber", [] { throw 7; }, ErrorKind::Internal, "transport-x failed in send: an object that is no exception", 1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CallWatch, WhatTheCallerReportsIsCountedAndNotLogged) {
    std::vector<std::string> logged;
    CallWatch watch("store-x", [&](const std::string& text) { logged.push_back(text); });
    EXPECT_THROW(watched_unlogged(watch, "loading", [] { throw 7; }), Error);
    EXPECT_THROW(watched_at_start(watch, "configure", [] { throw std::out_of_range("map::at"); }), Error);
    EXPECT_TRUE(logged.empty());
    EXPECT_EQ(watch.foreign_exceptions().count, 2U);
    EXPECT_EQ(watch.foreign_exceptions().last, "store-x failed in configure: map::at");
}

TEST(CallWatch, ErrorsOfAStartNameThePluginInEachLine) {
    CallWatch watch("store-x", nullptr);
    try {
        watched_at_start(watch, "configure", [] { throw Error(ErrorKind::InvalidRequest, "KeyA is 0\nstore-x: KeyB is 1"); });
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), "store-x: KeyA is 0\nstore-x: KeyB is 1");
        EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
    }
}

}  // namespace
}  // namespace edgesync::plugins
