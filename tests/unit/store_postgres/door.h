// Stands where the socket of a server is expected: a server that is away, one that does not answer, and one that comes back.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace edgesync::postgres {

/// Until `open` nobody gets in. Thread-safe.
class Door {
public:
    using Clock = std::chrono::steady_clock;

    /// Its socket is in `folder`.
    explicit Door(std::string folder);
    /// Turns away who waits.
    ~Door();
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    /// For libpq.
    std::string server() const { return "host=" + folder_ + " port=5432 dbname=postgres user=postgres"; }
    /// When each one came; those that were turned away came before they knew it.
    std::vector<Clock::time_point> attempts() const;
    /// False: there were not so many within 20 s.
    bool await_attempts(std::size_t count);
    /// Whether those who come from now on wait for an answer; otherwise they are turned away, and those who wait as well.
    void keep_waiting(bool is_kept_waiting);
    /// From now on they reach the server at `address`, a folder and a port as in PostgresAddressCsv.
    void open(const std::string& address);

private:
    void answer();
    void turn_away();

    const std::string folder_;
    const std::string socket_;
    const int listener_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Clock::time_point> attempts_;
    std::vector<int> waiting_;
    bool is_kept_waiting_ = false;
    std::atomic<bool> is_over_{false};
    std::thread thread_;
};

}  // namespace edgesync::postgres
