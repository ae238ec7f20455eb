// The scheduler of the rules over the listener's I/O threads and a pool of workers.
#pragma once

#include "kernel/http/io_context.h"
#include "kernel/ops/worker_pool.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Thread-safe. Several schedulers may share the I/O threads; each has workers of its own, so that calls that wait for a slow peer never
/// take the workers that serve applications.
class NodeScheduler : public rules::Scheduler {
public:
    NodeScheduler(http::IoContext& io, ops::WorkerPool& workers) : io_(io), workers_(workers) {}

    void post(std::function<void()> function) override { io_.post(std::move(function)); }
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> function) override {
        return io_.run_after(delay, std::move(function));
    }
    void cancel(std::uint64_t handle) override { io_.cancel(handle); }
    bool work(std::function<void()> function) override { return workers_.try_post(std::move(function)); }

private:
    http::IoContext& io_;
    ops::WorkerPool& workers_;
};

}  // namespace edgesync::node
