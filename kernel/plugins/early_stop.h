// What SIGTERM and SIGINT do while the program starts: a plugin that keeps the main thread must not make it deaf to them.
#pragma once

#include <chrono>
#include <thread>

#include "edgesync/sdk/log.h"

namespace edgesync::plugins {

/// Takes the two signals on a thread of its own; they are blocked in every thread. What is under way gets some time to come to its end,
/// then, or at the next signal, the process ends with a line that says what it was in. Nothing is lost by that but what nobody was
/// promised: stores are made for power cuts. For the main thread, which it watches.
class EarlyStop {
public:
    /// `log` gets the line, too, and outlives this; null: standard error alone. Begins.
    EarlyStop(Log* log, std::chrono::milliseconds patience, int exit_code);
    ~EarlyStop() { end(); }
    EarlyStop(const EarlyStop&) = delete;
    EarlyStop& operator=(const EarlyStop&) = delete;

    /// Takes the signals, again. @throws std::system_error
    void begin();
    /// Leaves the signals to others, also one that nobody took yet. Returns whether one came since the first begin: the program is to end.
    bool end();

private:
    void run();
    [[noreturn]] void end_process(int signal);

    Log* const log_;
    const std::chrono::milliseconds patience_;
    const int exit_code_;
    int signals_ = -1;  ///< A descriptor, while the thread runs.
    int is_over_ = -1;  ///< The same; readable: the thread is to end.
    bool was_asked_ = false;
    std::thread thread_;
};

}  // namespace edgesync::plugins
