// Who reads at the moment, for those who remove what an older snapshot may still see.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace edgesync::lmdb {

/// Thread-safe. To begin and to end one costs an atomic addition each and never waits.
class Snapshots {
public:
    /// One that is running; from before its transaction begins until after that has ended.
    class Running {
    public:
        explicit Running(Snapshots& all) : count_(all.counts_[all.generation_ % 2]) { ++count_; }
        ~Running() {
            if (--count_ == 0) count_.notify_all();
        }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;

    private:
        std::atomic<int>& count_;
    };

    /// Returns when all that began before have ended. For one thread at a time, and not for one that is in a snapshot.
    void wait_for_older() {
        // Both counts have been 0 since, so each that began before has ended. Those who begin meanwhile use the other count, so that
        // each gets to 0 however many there are.
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            auto& older = counts_[generation_++ % 2];
            for (int count = older; count != 0; count = older) older.wait(count);
        }
    }

private:
    std::array<std::atomic<int>, 2> counts_{};
    std::atomic<std::size_t> generation_{0};
};

}  // namespace edgesync::lmdb
