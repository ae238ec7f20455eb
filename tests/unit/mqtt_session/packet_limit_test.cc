#include "plugins/mqtt-session/packet_limit.h"

#include <gtest/gtest.h>

namespace edgesync::mqtt_session {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMiB = 1'048'576;

/// A clock that the test moves.
class PacketLimits : public testing::Test {
protected:
    void send(std::size_t packet) {
        limit_.writing(packet);
        limit_.written(now_);
    }
    bool lose() {
        const bool is_lower = limit_.lost(now_);
        limit_.connected(0);
        return is_lower;
    }
    std::size_t limit() const { return limit_.limit(now_); }

    PacketLimit::Time now_{seconds(1'000'000)};
    PacketLimit limit_;
};

TEST_F(PacketLimits, NothingIsKnownAtFirst) {
    EXPECT_EQ(limit(), 0u);
    EXPECT_FALSE(lose());
    EXPECT_EQ(limit(), 0u);
}

TEST_F(PacketLimits, WhatIsKnownBeforehandCountsUntilLessIsLearnedOrAnotherIsAnnounced) {
    limit_ = PacketLimit(131'072);
    EXPECT_EQ(limit(), 131'072u);
    send(131'072);
    EXPECT_TRUE(lose());
    EXPECT_EQ(limit(), 65'536u);
    limit_.connected(1'000'000);
    EXPECT_EQ(limit(), 1'000'000u);
}

TEST_F(PacketLimits, WhatTheBrokerAnnouncesCounts) {
    limit_.connected(100'000);
    EXPECT_EQ(limit(), 100'000u);
    send(99'999);
    EXPECT_FALSE(limit_.lost(now_));
    EXPECT_EQ(limit(), 100'000u);
}

TEST_F(PacketLimits, EachLossAfterALargePacketLowersTheLimitByAStep) {
    const std::size_t steps[] = {5'242'880, 2'000'000, kMiB, 524'288, 262'144, 131'072, 65'536, 32'768, 16'384};
    std::size_t packet = 5'242'880 + 100;
    for (const std::size_t step : steps) {
        send(packet);
        EXPECT_TRUE(lose());
        EXPECT_EQ(limit(), step);
        packet = step;
    }
    send(packet);
    EXPECT_FALSE(lose());
    EXPECT_EQ(limit(), 16'384u);
}

TEST_F(PacketLimits, TheStepIsBelowThePacket) {
    send(300'000);
    EXPECT_TRUE(lose());
    EXPECT_EQ(limit(), 262'144u);
}

TEST_F(PacketLimits, ALossWhileTheLargePacketIsBeingWrittenCounts) {
    limit_.writing(300'000);
    EXPECT_TRUE(lose());
    EXPECT_EQ(limit(), 262'144u);
}

TEST_F(PacketLimits, ALossLongAfterwardsDoesNotCount) {
    send(300'000);
    now_ += seconds(5);
    EXPECT_FALSE(lose());
    EXPECT_EQ(limit(), 0u);
}

TEST_F(PacketLimits, WhatHasGoneThroughIsNotSuspected) {
    send(300'000);
    now_ += seconds(5);
    send(200'000);
    send(300'000);
    EXPECT_FALSE(lose());
    EXPECT_EQ(limit(), 0u);
}

TEST_F(PacketLimits, WhatWentThroughAnEarlierConnectionProvesNothing) {
    send(300'000);
    now_ += seconds(5);
    EXPECT_FALSE(lose());
    send(300'000);
    EXPECT_TRUE(lose());
}

TEST_F(PacketLimits, SmallPacketsAreNeverSuspected) {
    send(16'384);
    EXPECT_FALSE(lose());
    EXPECT_EQ(limit(), 0u);
}

TEST_F(PacketLimits, AnEndByOurOwnWillTeachesNothing) {
    send(300'000);
    limit_.closed();
    EXPECT_FALSE(lose());
}

TEST_F(PacketLimits, AWithdrawnPacketTeachesNothing) {
    limit_.writing(10);
    limit_.writing(300'000);
    limit_.withdraw(300'000);
    limit_.written(now_);
    EXPECT_FALSE(lose());
}

TEST_F(PacketLimits, WhatWasLearnedIsForgottenAfterAnHour) {
    send(300'000);
    lose();
    now_ += minutes(59);
    EXPECT_EQ(limit(), 262'144u);
    now_ += minutes(1);
    EXPECT_EQ(limit(), 0u);
    send(300'000);
    EXPECT_TRUE(lose());
    EXPECT_EQ(limit(), 262'144u);
}

TEST(PacketSize, CountsHeaderAndTopic) {
    EXPECT_EQ(packet_size("abc", 0, false), 2u + 5u);
    EXPECT_EQ(packet_size("abc", 0, true), 2u + 6u);
    EXPECT_EQ(packet_size("abc", 122, false), 2u + 127u);
    EXPECT_EQ(packet_size("abc", 123, false), 3u + 128u);
    EXPECT_EQ(packet_size("abc", 16'378, false), 3u + 16'383u);
    EXPECT_EQ(packet_size("abc", 16'379, false), 4u + 16'384u);
    EXPECT_EQ(packet_size("abc", 2'097'147, false), 5u + 2'097'152u);
}

}  // namespace
}  // namespace edgesync::mqtt_session
