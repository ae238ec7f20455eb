// Runs work in a process of its own, which may crash or hang without harm.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace edgesync::conformance {

/// What the process wants to be known, one after another.
struct Note {
    char kind = 0;
    std::string text;
};

/// The way of notes from the process to who watches it. One at a time; notes are kept however the process ends.
class NoteSender {
public:
    explicit NoteSender(int fd) : fd_(fd) {}
    void send(char kind, const std::string& text) const;

private:
    int fd_;
};

struct WatchedEnd {
    std::vector<Note> notes;
    bool is_hung = false;  ///< It was killed at its deadline.
    int signal = 0;        ///< That ended it; 0: it ended by itself.
    int status = 0;        ///< Its exit status.
    std::string output;    ///< The end of what it wrote to its standard streams, if they were kept.
    std::chrono::milliseconds took{0};
};

/// Starts `work` in a copy of this process, which must have no other threads, and waits for its end. What `work` started is killed then,
/// too. `passes_output`: its standard streams are those of this process. `folder` takes them otherwise, and exists.
/// @throws std::runtime_error if no process can be started
WatchedEnd run_watched(const std::function<void(const NoteSender&)>& work, std::chrono::seconds limit, bool passes_output,
                       const std::string& folder);

/// From now on SIGINT, SIGTERM and SIGHUP end what runs watched instead of this process.
void watch_for_signals();
/// The signal that came; 0: none.
int signal_that_came();

/// "SIGSEGV (it used memory that is not its own)"
std::string words_of_signal(int signal);

}  // namespace edgesync::conformance
