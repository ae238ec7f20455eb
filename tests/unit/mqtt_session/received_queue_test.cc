#include "plugins/mqtt-session/received_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>

namespace edgesync::mqtt_session {
namespace {

ReceivedMessage message(std::size_t octets) { return {"", std::make_shared<const std::string>(octets, 'x')}; }

std::chrono::milliseconds duration_of(const std::function<void()>& action) {
    const auto begin = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

/// Of the fastest of many, because a busy machine makes any of them slow.
std::chrono::milliseconds shortest(const std::function<std::chrono::milliseconds()>& duration) {
    auto found = std::chrono::milliseconds::max();
    for (int i = 0; i < 100 && found >= ReceivedQueue::kSlowDown; ++i) found = std::min(found, duration());
    return found;
}

TEST(ReceivedQueue, GivesInTheOrderOfArrival) {
    ReceivedQueue queue(1000, 10);
    queue.push({"a", std::make_shared<const std::string>("1")});
    queue.push({"b", std::make_shared<const std::string>("2")});
    EXPECT_EQ(queue.pop()->topic, "a");
    EXPECT_EQ(*queue.pop()->payload, "2");
    EXPECT_FALSE(queue.pop());
}

TEST(ReceivedQueue, SlowsDownFromHalfOfItsBoundOn) {
    EXPECT_LT(shortest([] {
                  ReceivedQueue queue(1000, 10);
                  return duration_of([&] { queue.push(message(600)); });
              }),
              ReceivedQueue::kSlowDown);
    ReceivedQueue queue(1000, 10);
    queue.push(message(600));
    EXPECT_GE(duration_of([&] { EXPECT_TRUE(queue.push(message(300))); }), ReceivedQueue::kSlowDown);
}

TEST(ReceivedQueue, DoesNotWaitWhileSomebodyWaitsToPublish) {
    EXPECT_LT(shortest([] {
                  ReceivedQueue queue(1000, 10);
                  queue.push(message(600));
                  const ReceivedQueue::NoWaiting publisher;
                  return duration_of([&] { EXPECT_TRUE(queue.push(message(300))); });
              }),
              ReceivedQueue::kSlowDown);
}

TEST(ReceivedQueue, ThrowsAwayAboveItsBound) {
    ReceivedQueue queue(1000, 10);
    EXPECT_TRUE(queue.push(message(900)));
    EXPECT_TRUE(queue.push(message(900)));
    EXPECT_FALSE(queue.push(message(1)));
    queue.pop();
    EXPECT_TRUE(queue.push(message(1)));
}

TEST(ReceivedQueue, CountsMessagesAsWellAsOctets) {
    ReceivedQueue queue(1000, 2);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(message(0)));
    EXPECT_FALSE(queue.push(message(0)));
}

TEST(ReceivedQueue, ClosedItIsEmptyAndTakesNothing) {
    ReceivedQueue queue(1000, 10);
    queue.push(message(600));
    queue.close();
    EXPECT_FALSE(queue.pop());
    EXPECT_LT(shortest([&] { return duration_of([&] { EXPECT_FALSE(queue.push(message(600))); }); }), ReceivedQueue::kSlowDown);
    queue.open();
    EXPECT_TRUE(queue.push(message(600)));
}

}  // namespace
}  // namespace edgesync::mqtt_session
