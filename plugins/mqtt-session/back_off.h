// The pauses between attempts: doubling up to a limit, less up to a quarter at random, so that nodes that lost their broker together do
// not come back together.
#pragma once

#include <algorithm>
#include <chrono>

namespace edgesync::mqtt_session {

/// Not thread-safe.
class BackOff {
public:
    BackOff(std::chrono::milliseconds first, std::chrono::milliseconds longest) : first_(first), longest_(longest), pause_(first) {}

    /// `random`: 0..1, how much of the quarter is taken off.
    std::chrono::milliseconds next(double random) {
        const auto pause = std::min(pause_, longest_);
        pause_ = std::min(pause_ * 2, longest_);
        return pause - std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(pause.count()) * random / 4));
    }
    /// A connection has lasted: the next pause is the first again.
    void reset() { pause_ = first_; }

private:
    const std::chrono::milliseconds first_;
    const std::chrono::milliseconds longest_;
    std::chrono::milliseconds pause_;
};

}  // namespace edgesync::mqtt_session
