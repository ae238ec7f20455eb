// The two threads that Paho has for all its clients, kept alive and awake.
//
// They are torn down with the last client and set up with the next, which takes a second; so there is a client that stays. And they look
// for work too seldom: the reading thread waits up to a second in a poll that knows neither a new socket nor one that was too full for
// the rest of a large message, the sending thread up to a second for a signal that is lost if it comes just before the wait, and nobody
// signals when a large message is through. So while something is under way, the client that stays publishes an empty message to a peer of
// our own on the loopback, which wakes the sending thread, and the peer answers, which wakes the reading thread: after 1 ms, and then with
// growing pauses of up to 100 ms until there is progress.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace edgesync::mqtt_session {

/// Thread-safe. Once made, it lives as long as the process.
class PahoThreads {
public:
    static PahoThreads& get();

    /// What one connection has under way. Thread-safe.
    class Work {
    public:
        explicit Work(PahoThreads& threads) : threads_(threads) {}
        /// With what was begun and never ended.
        ~Work() { threads_.end(begun_); }
        Work(const Work&) = delete;
        Work& operator=(const Work&) = delete;
        void begin();
        void end();

    private:
        PahoThreads& threads_;
        std::mutex mutex_;
        int begun_ = 0;
    };

private:
    static constexpr std::chrono::milliseconds kFirstPause{1};
    static constexpr std::chrono::milliseconds kLongestPause{100};
    /// Each nudge lets a large message go on by what the socket takes, which is a part of it; so the pause stays below 1 ms and a
    /// sixteenth of the time that the message has taken already.
    static constexpr double kGrowth = 1.0625;

    struct Peer;

    PahoThreads();
    ~PahoThreads() = delete;
    void begin();
    void end(int count);
    void quicken();
    void run();

    std::mutex mutex_;
    std::condition_variable wake_;
    int under_way_ = 0;
    bool is_idle_ = false;  ///< The thread waits until something is under way.
    bool is_quickened_ = false;
    std::chrono::duration<double, std::milli> pause_ = kFirstPause;
    std::unique_ptr<Peer> peer_;  ///< Only its thread.
};

}  // namespace edgesync::mqtt_session
