// Own objects whose data cannot be read to send it: what the log says of them, and how often, and how many the health answer counts.
#pragma once

#include <map>
#include <mutex>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/store.h"

namespace edgesync::delivery {

/// Kept in memory: every attempt to send finds out again. Bounded; thread-safe.
class UnsendableData {
public:
    static constexpr std::chrono::hours kSaidAgain{1};  ///< How often the log repeats what it said of an object.
    static constexpr std::size_t kMostObjects = 10000;  ///< Beyond it only the log tells.

    /// What fails is tried again every `retry` seconds.
    UnsendableData(Log& log, std::chrono::seconds retry) : log_(log), retry_(retry) {}

    void failed(const ObjectRecord& object, const Error& error, TimePoint now);
    /// It was sent, or need not be sent any more.
    void settled(const ObjectKey& key);
    /// Objects for which the last attempt, which was not long ago, failed.
    std::size_t count(TimePoint now) const;

private:
    struct Failure {
        TimePoint at{};
        TimePoint said_at{};
    };

    Log& log_;
    const std::chrono::seconds retry_;
    mutable std::mutex mutex_;
    std::map<ObjectKey, Failure> failures_;
};

}  // namespace edgesync::delivery
