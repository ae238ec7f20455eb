// Numbers that never repeat, handed out without a round trip each.
#pragma once

#include <functional>
#include <mutex>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

/// Instance ids of this process. What is issued stays below a limit that the database keeps, so that a later run begins above it.
/// Two instances of the service may issue the same id for different objects, never for one: a transaction issues above the id that
/// it read of the object, and of two transactions that read the same one loses; of an object that is gone the id stays (table `erased`)
/// until the clock has passed it, and after a clock that went back all begin above what any of them may have issued. Thread-safe.
class InstanceIds {
public:
    /// Makes a limit durable; returns what the database has now, which is not smaller. May block.
    using Reserve = std::function<InstanceId(InstanceId limit)>;

    explicit InstanceIds(Reserve reserve) : reserve_(std::move(reserve)) {}
    /// Takes up where the database's limit is.
    void open();
    /// max(now in ns, last issued + 1, floor + 1). @throws what Reserve throws; Error{InvalidRequest} above the largest.
    InstanceId next(TimePoint now, InstanceId floor);

private:
    void look_at_clock(InstanceId time);

    const Reserve reserve_;
    std::mutex mutex_;
    InstanceId last_ = 0;
    InstanceId limit_ = 0;
    InstanceId latest_ = 0;  ///< The highest time that was seen since the clock went back last.
};

/// Ids of work items, reserved by the thousand. Thread-safe.
class WorkIds {
public:
    /// The first id of a new block.
    using Reserve = std::function<std::uint64_t()>;
    static constexpr std::uint64_t kBlock = 1000;

    explicit WorkIds(Reserve reserve) : reserve_(std::move(reserve)) {}
    std::uint64_t next();

private:
    const Reserve reserve_;
    std::mutex mutex_;
    std::uint64_t next_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace edgesync::postgres
