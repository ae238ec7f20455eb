// Commands that the kernel is busy with: bounded, and of those about one object of one node only one at a time, so that a store that
// works on several at once does not change their order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "edgesync/sdk/object.h"

namespace edgesync::mqtt_exchange {

/// Thread-safe; kept alive by what is in progress.
class InProgress : public std::enable_shared_from_this<InProgress> {
public:
    using Key = std::pair<NodeKey, ObjectKey>;
    /// Begins the work and calls `done` when it has ended, from any thread, perhaps at once.
    using Begin = std::function<void(std::function<void()> done)>;

    explicit InProgress(std::size_t limit) : limit_(limit) {}

    /// Begins the work when what came before it with the same key has ended. Waits while too much is in progress. False: stopped.
    /// Work that throws has ended.
    bool run(const Key& key, Begin begin);
    /// Nothing begins afterwards; waits for what is in progress, but at most `patience`.
    void stop(std::chrono::milliseconds patience);

private:
    void begin(const Key& key, Begin work);
    Begin next_after(const Key& key);

    const std::size_t limit_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Key, std::deque<Begin>> keys_;  ///< With those that wait for their turn.
    std::size_t count_ = 0;
    bool is_stopped_ = false;
};

}  // namespace edgesync::mqtt_exchange
