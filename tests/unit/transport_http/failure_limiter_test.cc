#include "failure_limiter.h"

#include <gtest/gtest.h>

namespace edgesync::transport_http {
namespace {

using namespace std::chrono_literals;
const auto kStart = FailureLimiter::Clock::time_point(1000s);

TEST(FailureLimiter, LimitsTheSixthFailureWithinASecondAndForgetsIt) {
    FailureLimiter limiter;
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(limiter.is_limited(42, kStart));
        limiter.answered(42, 500, kStart);
    }
    EXPECT_TRUE(limiter.is_limited(42, kStart + 999ms));
    EXPECT_FALSE(limiter.is_limited(43, kStart));
    EXPECT_FALSE(limiter.is_limited(42, kStart + 1s));
}

TEST(FailureLimiter, CountsOnlyWhatANodeRepeatsAtOnce) {
    FailureLimiter limiter;
    for (const int status : {409, 429, 503, 502, 504, 408, 307}) {
        for (int i = 0; i < 9; ++i) limiter.answered(42, status, kStart);
        EXPECT_FALSE(limiter.is_limited(42, kStart)) << status;
    }
    for (const int status : {400, 403, 404, 424, 500}) {
        const auto call = static_cast<std::uint64_t>(status);
        for (int i = 0; i < 5; ++i) limiter.answered(call, status, kStart);
        EXPECT_TRUE(limiter.is_limited(call, kStart)) << status;
    }
}

TEST(FailureLimiter, StartsAgainAfterASuccess) {
    FailureLimiter limiter;
    for (int i = 0; i < 4; ++i) limiter.answered(42, 500, kStart);
    limiter.answered(42, 204, kStart);
    limiter.answered(42, 500, kStart);
    EXPECT_FALSE(limiter.is_limited(42, kStart));
}

TEST(Fingerprint, TellsCallsApartByCredentialsPathRangeAndBody) {
    HttpRequest call;
    call.method = "PUT";
    call.path = "/spi/v1/objects/acme/model/m1/1/2/data";
    call.headers = {{"Authorization", "Basic x"}, {"X-Sync-Service-Dest", "acme/edge/n1"}, {"Content-Range", "bytes 0-1/4"}};
    EXPECT_EQ(fingerprint(call), fingerprint(call));
    for (std::size_t i = 0; i < call.headers.size(); ++i) {
        HttpRequest other = call;
        other.headers[i].value += "1";
        EXPECT_NE(fingerprint(call), fingerprint(other)) << call.headers[i].name;
    }
    HttpRequest other = call;
    other.body = "x";
    EXPECT_NE(fingerprint(call), fingerprint(other));
    other = call;
    other.path += "x";
    EXPECT_NE(fingerprint(call), fingerprint(other));
}

}  // namespace
}  // namespace edgesync::transport_http
