// Threads for work that blocks: store calls, disk, waiting for a peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace edgesync::ops {

/// A bounded pool: at most `max_threads` threads, at most `max_queued` functions waiting. Threads start when there is work for
/// them and end after some idle seconds, so that an idle edge node pays nothing. Thread-safe.
class WorkerPool {
public:
    static constexpr std::size_t kDefaultThreads = 16;
    static constexpr std::size_t kDefaultQueue = 4096;

    explicit WorkerPool(std::size_t max_threads = kDefaultThreads, std::size_t max_queued = kDefaultQueue,
                        std::chrono::milliseconds idle_limit = std::chrono::seconds(20));
    /// As `stop`.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Runs `work` on a worker, in the order of posting as far as threads are free. False: the queue is full, the pool is stopped
    /// or no thread could be made; `work` was not taken. Never blocks. An exception that leaves `work` ends the program, as from a thread.
    bool try_post(std::function<void()> work);

    /// Takes no more work, runs what is queued, joins the threads. Blocks for as long as the work in progress does. Repeatable.
    void stop();

    std::size_t threads() const;
    std::size_t queued() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace edgesync::ops
