// What SIGTERM and SIGINT do while the program starts: a plugin that keeps the main thread must not make it deaf to them.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "edgesync/sdk/log.h"

namespace edgesync::plugins {

/// Takes the two signals on a thread of its own; they are blocked in every thread. At the second one the process ends with a line that says
/// what it was in. Nothing is lost by that but what nobody was promised: stores are made for power cuts. For the main thread, which it
/// watches.
class EarlyStop {
public:
    /// What the signals interrupt.
    enum class Phase {
        Start,    ///< The first signal gives what is under way some time to come to its end; when that is over, the process ends.
        Restart,  ///< The service stops to start again, which takes the time that it was given; the first signal is only remembered.
    };

    /// Begins with Phase::Start. @throws Error
    EarlyStop(std::chrono::milliseconds patience, int exit_code);
    ~EarlyStop() { end(); }
    EarlyStop(const EarlyStop&) = delete;
    EarlyStop& operator=(const EarlyStop&) = delete;

    /// `log` gets the line, too, from now on, and outlives this; until then it goes to standard error alone.
    void set_log(Log& log) { log_ = &log; }

    /// Takes the signals, again or for another phase, whose patience begins anew. @throws Error: the process has no descriptor or thread
    /// left.
    void begin(Phase phase);
    /// Leaves the signals to others, also one that nobody took yet. Returns was_asked().
    bool end();
    /// Whether a signal was taken, in whatever phase: the program is to end.
    bool was_asked() const { return asked_by_ != 0; }

private:
    void take_signals();
    void run();
    void close_descriptors();
    [[noreturn]] void end_process(int signal);

    const std::chrono::milliseconds patience_;
    const int exit_code_;
    std::atomic<Log*> log_ = nullptr;
    std::atomic<int> asked_by_ = 0;  ///< The first signal.
    Phase phase_ = Phase::Start;
    std::chrono::steady_clock::time_point latest_;  ///< End of patience, once a signal was taken.
    int signals_ = -1;                              ///< A descriptor, while the thread runs.
    int is_over_ = -1;                              ///< The same; readable: the thread is to end.
    std::thread thread_;
};

}  // namespace edgesync::plugins
