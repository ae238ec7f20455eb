#include "instance_ids.h"

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::postgres {
namespace {

constexpr InstanceId kLargest = INT64_MAX;
/// A second of the clock: one round trip per second, and as far the ids of one instance run ahead of another's.
constexpr InstanceId kReserve = 1'000'000'000;

}  // namespace

void InstanceIds::open() {
    const InstanceId reserved = reserve_(0);
    const std::lock_guard lock(mutex_);
    last_ = std::max(last_, reserved);
    limit_ = last_;
}

// After a failover to a server whose clock is behind, say. What other instances issued before it is below the limit in the database.
void InstanceIds::look_at_clock(InstanceId time) {
    {
        const std::lock_guard lock(mutex_);
        latest_ = std::max(latest_, time);
        if (latest_ - time < kReserve) return;
    }
    const InstanceId reserved = reserve_(0);
    const std::lock_guard lock(mutex_);
    latest_ = time;
    // If nobody has reserved more, what others have issued above is less than a second ahead, and kept when its object is erased.
    if (reserved > limit_) limit_ = last_ = reserved;
}

InstanceId InstanceIds::next(TimePoint now, InstanceId floor) {
    look_at_clock(now.time_since_epoch().count());
    for (;;) {
        InstanceId wanted = 0;
        {
            const std::lock_guard lock(mutex_);
            if (floor == kLargest || last_ == kLargest) throw Error(ErrorKind::InvalidRequest, "There is no instance id above the largest");
            wanted = std::max({static_cast<InstanceId>(now.time_since_epoch().count()), last_ + 1, floor + 1});
            if (wanted <= limit_) return last_ = wanted;
        }
        const InstanceId limit = wanted > kLargest - kReserve ? kLargest : wanted + kReserve;
        reserve_(limit);
        const std::lock_guard lock(mutex_);
        limit_ = std::max(limit_, limit);
    }
}

std::uint64_t WorkIds::next() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (next_ != end_) return next_++;
        }
        const std::uint64_t first = reserve_();
        const std::lock_guard lock(mutex_);
        if (next_ != end_) continue;  // Another thread was faster; this block is left out.
        next_ = first;
        end_ = first + kBlock;
    }
}

}  // namespace edgesync::postgres
