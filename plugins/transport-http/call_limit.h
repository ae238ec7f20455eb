// ESS: how long one call to the CSS may take, as a whole and at each wait for the line.
#pragma once

#include <chrono>

#include "edgesync/sdk/error.h"

namespace edgesync::transport_http {

/// Value. One thread.
class CallLimit {
public:
    using Clock = std::chrono::steady_clock;

    /// `total` 0: no limit for the whole. `stall` is the longest wait without any progress; it always ends.
    CallLimit(std::chrono::milliseconds total, std::chrono::milliseconds stall)
        : deadline_(total.count() > 0 ? Clock::now() + total : Clock::time_point::max()), stall_(stall) {}

    /// How long the next wait may be; at least 1 ms. @throws Error{Timeout} when nothing is left.
    std::chrono::milliseconds next_wait() const {
        if (deadline_ == Clock::time_point::max()) return stall_;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
        if (left.count() <= 0) throw Error(ErrorKind::Timeout, "The call to the CSS took too long");
        return left < stall_ ? left : stall_;
    }

private:
    Clock::time_point deadline_;
    std::chrono::milliseconds stall_;
};

}  // namespace edgesync::transport_http
