#include "in_progress.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

namespace edgesync::mqtt_exchange {
namespace {

using Done = std::function<void()>;

InProgress::Key key_of(const std::string& object) { return {{"acme", "camera", "cam1"}, {"acme", "model", object}}; }

TEST(InProgress, BeginsWorkAboutOneObjectInOrderAndOneAtATime) {
    const auto progress = std::make_shared<InProgress>(10);
    std::vector<int> begun;
    std::vector<Done> ends;
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(progress->run(key_of("m1"), [&, i](Done done) {
            begun.push_back(i);
            ends.push_back(std::move(done));
        }));
    }
    EXPECT_EQ(begun, std::vector<int>{0});
    bool has_begun = false;
    progress->run(key_of("m2"), [&](const Done& done) {
        has_begun = true;
        done();
    });
    EXPECT_TRUE(has_begun) << "another object does not wait";
    ends[0]();
    EXPECT_EQ(begun, (std::vector<int>{0, 1}));
    ends[0]();
    EXPECT_EQ(begun, (std::vector<int>{0, 1})) << "an end counts once";
    ends[1]();
    EXPECT_EQ(begun, (std::vector<int>{0, 1, 2}));
    ends[2]();
    progress->stop(std::chrono::seconds(0));
}

TEST(InProgress, WaitsWhileTooMuchIsInProgress) {
    const auto progress = std::make_shared<InProgress>(1);
    Done end;
    progress->run(key_of("m1"), [&](Done done) { end = std::move(done); });
    std::atomic<bool> has_begun{false};
    auto second = std::async(std::launch::async, [&] {
        return progress->run(key_of("m2"), [&](const Done& done) {
            has_begun = true;
            done();
        });
    });
    EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    EXPECT_FALSE(has_begun);
    end();
    EXPECT_TRUE(second.get());
    EXPECT_TRUE(has_begun);
}

TEST(InProgress, WorkThatThrowsHasEnded) {
    const auto progress = std::make_shared<InProgress>(1);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(progress->run(key_of("m1"), [](const Done&) { throw std::runtime_error("the store is away"); }));
    }
    bool has_begun = false;
    progress->run(key_of("m1"), [&](const Done& done) {
        has_begun = true;
        done();
    });
    EXPECT_TRUE(has_begun);
}

TEST(InProgress, TheStackDoesNotGrowWithWorkThatEndsAtOnce) {
    constexpr int kMany = 100'000;
    const auto progress = std::make_shared<InProgress>(kMany + 1);
    Done end;
    int ended = 0;
    progress->run(key_of("m1"), [&](Done done) { end = std::move(done); });
    for (int i = 0; i < kMany; ++i) {
        progress->run(key_of("m1"), [&](const Done& done) {
            ++ended;
            done();
        });
    }
    end();
    EXPECT_EQ(ended, kMany);
}

TEST(InProgress, AStopReleasesWhoWaitsAndDropsWhatHasNotBegun) {
    const auto progress = std::make_shared<InProgress>(2);
    Done end;
    bool has_begun = false;
    progress->run(key_of("m1"), [&](Done done) { end = std::move(done); });
    progress->run(key_of("m1"), [&](const Done&) { has_begun = true; });
    auto waiting = std::async(std::launch::async, [&] { return progress->run(key_of("m2"), [](const Done& done) { done(); }); });
    progress->stop(std::chrono::seconds(0));
    EXPECT_FALSE(waiting.get());
    end();
    EXPECT_FALSE(has_begun);
    EXPECT_FALSE(progress->run(key_of("m3"), [](const Done& done) { done(); }));
    progress->stop(std::chrono::seconds(10));
}

}  // namespace
}  // namespace edgesync::mqtt_exchange
