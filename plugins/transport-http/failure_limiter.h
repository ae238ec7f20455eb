// CSS: slows down nodes that repeat a failing call without a pause (node protocol 7.5: the traditional client repeats it 1000 times).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "edgesync/sdk/http.h"

namespace edgesync::transport_http {

/// What makes two calls identical: credentials, identity, method, path, range and body.
std::uint64_t fingerprint(const HttpRequest& request);

/// A fixed table; a call that shares a place with another one takes it over, which at worst lets some more calls through.
/// Thread-safe, no I/O.
class FailureLimiter {
public:
    using Clock = std::chrono::steady_clock;

    /// True if the call failed kTolerated times within kWindow: answer 429 without looking at it.
    bool is_limited(std::uint64_t call, Clock::time_point now);
    /// Notes an answer. Only what a node would repeat at once counts: not 409 and not the statuses that make it pause.
    void answered(std::uint64_t call, int status, Clock::time_point now);

    static constexpr std::uint32_t kTolerated = 5;
    static constexpr std::chrono::seconds kWindow{1};

private:
    static constexpr std::size_t kPlaces = 4096;
    struct Place {
        std::uint64_t call = 0;
        Clock::time_point first{};
        std::uint32_t failures = 0;
    };

    std::mutex mutex_;
    std::array<Place, kPlaces> places_;
};

/// A way back that tells `limiter` about the answer. The limiter outlives it.
std::shared_ptr<HttpResponder> watched(std::shared_ptr<HttpResponder> responder, FailureLimiter& limiter, std::uint64_t call);

}  // namespace edgesync::transport_http
