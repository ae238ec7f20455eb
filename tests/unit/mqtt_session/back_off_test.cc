#include "plugins/mqtt-session/back_off.h"

#include <gtest/gtest.h>

namespace edgesync::mqtt_session {
namespace {

using std::chrono::milliseconds;

TEST(BackOff, PausesDoubleUpToTheLongest) {
    BackOff pauses(milliseconds(1000), milliseconds(30'000));
    for (const int expected : {1000, 2000, 4000, 8000, 16'000, 30'000, 30'000}) EXPECT_EQ(pauses.next(0), milliseconds(expected));
}

TEST(BackOff, ChanceTakesUpToAQuarterOff) {
    BackOff pauses(milliseconds(1000), milliseconds(30'000));
    EXPECT_EQ(pauses.next(1), milliseconds(750));
    EXPECT_EQ(pauses.next(0.5), milliseconds(1750));
}

TEST(BackOff, AfterAGoodConnectionTheNextPauseIsShort) {
    BackOff pauses(milliseconds(1000), milliseconds(30'000));
    for (int i = 0; i < 10; ++i) pauses.next(0);
    pauses.reset();
    EXPECT_EQ(pauses.next(0), milliseconds(1000));
}

}  // namespace
}  // namespace edgesync::mqtt_session
