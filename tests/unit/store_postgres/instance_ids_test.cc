#include "plugins/store-postgres/instance_ids.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"

namespace edgesync::postgres {
namespace {

TimePoint at(std::int64_t nanoseconds) { return TimePoint(std::chrono::nanoseconds(nanoseconds)); }

TEST(InstanceIds, AreReservedBeforeTheyAreIssuedAndSeldom) {
    InstanceId durable = 500;
    int reservations = 0;
    InstanceIds ids([&](InstanceId limit) {
        ++reservations;
        return durable = std::max(durable, limit);
    });
    ids.open();
    EXPECT_EQ(ids.next(at(0), 0), 501);
    EXPECT_GE(durable, 501);
    for (int i = 0; i < 1000; ++i) ids.next(at(1000 + i), 0);
    EXPECT_EQ(reservations, 2) << "one for the start, one for the first ids";
    const InstanceId last = ids.next(at(0), 1'000'000'000'000);
    EXPECT_EQ(last, 1'000'000'000'001);
    EXPECT_GE(durable, last);
    InstanceIds after_a_crash([&](InstanceId limit) { return durable = std::max(durable, limit); });
    after_a_crash.open();
    EXPECT_GT(after_a_crash.next(at(0), 0), last);
}

TEST(InstanceIds, BeginAboveThoseOfOthersWhenTheClockGoesBack) {
    constexpr std::int64_t kHour = 3'600'000'000'000;
    InstanceId durable = 0;
    InstanceIds here([&](InstanceId limit) { return durable = std::max(durable, limit); });
    InstanceIds there([&](InstanceId limit) { return durable = std::max(durable, limit); });
    here.open();
    there.open();
    here.next(at(2 * kHour), 0);
    const InstanceId theirs = there.next(at(2 * kHour + kHour / 6), 0);
    const InstanceId first = here.next(at(kHour), 0);
    EXPECT_GT(first, theirs);
    const InstanceId limit = durable;
    for (int i = 0; i < 1000; ++i) here.next(at(kHour + i), 0);
    EXPECT_LT(durable - limit, 3'000'000'000) << "they look once and not each time, or their limits would chase each other";
}

TEST(InstanceIds, AreNotIssuedWhenTheyCannotBeReserved) {
    bool is_away = false;
    InstanceIds ids([&](InstanceId limit) {
        if (is_away) throw Error(ErrorKind::NotConnected, "away");
        return limit;
    });
    ids.open();
    is_away = true;
    EXPECT_THROW(ids.next(at(1), 0), Error);
    is_away = false;
    EXPECT_EQ(ids.next(at(1), 0), 1);
    EXPECT_THROW(ids.next(at(0), INT64_MAX), Error);
    EXPECT_EQ(ids.next(at(0), INT64_MAX - 1), INT64_MAX);
}

}  // namespace
}  // namespace edgesync::postgres
