// The scheduler of the rules over the listener's I/O threads and a pool of workers.
#pragma once

#include "edgesync/sdk/log.h"
#include "kernel/http/io_context.h"
#include "kernel/ops/worker_pool.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Thread-safe. Several schedulers may share the I/O threads; each has workers of its own, so that calls that wait for a slow peer never
/// take the workers that serve applications.
class NodeScheduler : public rules::Scheduler {
public:
    NodeScheduler(http::IoContext& io, ops::WorkerPool& workers, Log& log) : io_(io), workers_(workers), log_(log) {}

    void post(std::function<void()> function) override { io_.post(std::move(function)); }
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> function) override {
        return io_.run_after(delay, std::move(function));
    }
    void cancel(std::uint64_t handle) override { io_.cancel(handle); }
    /// A function that throws ends with a line in the log; the node goes on.
    bool work(std::function<void()> function) override {
        return workers_.try_post([this, function = std::move(function)] {
            try {
                function();
            } catch (const std::exception& error) {
                log_.log(LogLevel::Error, std::string("Work in the background failed: ") + error.what());
            }
        });
    }

private:
    http::IoContext& io_;
    ops::WorkerPool& workers_;
    Log& log_;
};

}  // namespace edgesync::node
