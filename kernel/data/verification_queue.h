// Judges complete uploads by their signatures, one after the other, apart from the requests that brought them.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <set>

#include "edgesync/sdk/log.h"
#include "kernel/data/verification.h"
#include "kernel/ops/worker_pool.h"
#include "kernel/rules/operation.h"

namespace edgesync::data {

/// Thread-safe. What does not fit waits in the store for a `scan`, as does what could not be judged for now.
class VerificationQueue {
public:
    /// `most_waiting`: VerifyQueueBufferSize, at least 1. Everything outlives the queue.
    VerificationQueue(const rules::NodeContext& context, rules::Operations& operations, Log& log, std::size_t most_waiting);
    /// As `stop`.
    ~VerificationQueue();

    /// The object waits, or may. Cheap.
    void add(const ObjectKey& key);
    /// Finds what waits in the store: at start, and every now and then. Reads the store.
    void scan();
    /// Leaves the rest to the next start; the check in progress ends at its next window.
    void stop() noexcept;

private:
    void judge(const ObjectKey& key);
    bool is_genuine(const Verification& upload);

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    Log& log_;
    const std::size_t most_waiting_;
    ops::WorkerPool pool_;
    std::atomic<bool> is_stopped_{false};
    std::mutex mutex_;
    std::set<ObjectKey> waiting_;
    bool has_overflown_ = false;
};

}  // namespace edgesync::data
