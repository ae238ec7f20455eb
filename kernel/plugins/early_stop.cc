#include "kernel/plugins/early_stop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <system_error>

#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {
namespace {

int must_be_open(int descriptor) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "The service cannot wait for signals");
    return descriptor;
}

/// If to say it takes longer than this many seconds, the process ends without.
constexpr unsigned kLongestFarewell = 2;

}  // namespace

EarlyStop::EarlyStop(Log* log, std::chrono::milliseconds patience, int exit_code) : log_(log), patience_(patience), exit_code_(exit_code) {
    CallWatch::follow_this_thread();
    begin();
}

void EarlyStop::begin() {
    if (thread_.joinable()) return;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signals_ = must_be_open(::signalfd(-1, &signals, SFD_CLOEXEC));
    is_over_ = must_be_open(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { run(); });
}

bool EarlyStop::end() {
    if (thread_.joinable()) {
        ::eventfd_write(is_over_, 1);
        thread_.join();
        ::close(signals_);
        ::close(is_over_);
    }
    return was_asked_;
}

void EarlyStop::run() {
    int asked_by = 0;
    std::chrono::steady_clock::time_point latest;
    for (;;) {
        std::array<pollfd, 2> ready{{{is_over_, POLLIN, 0}, {signals_, POLLIN, 0}}};
        int wait = -1;
        if (was_asked_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - std::chrono::steady_clock::now());
            if (left.count() <= 0) end_process(asked_by);
            wait = static_cast<int>(left.count());
        }
        if (::poll(ready.data(), ready.size(), wait) < 0) continue;
        if (ready[0].revents != 0) return;
        if (ready[1].revents == 0) continue;
        signalfd_siginfo signal{};
        if (::read(signals_, &signal, sizeof signal) != sizeof signal) continue;
        if (was_asked_) end_process(static_cast<int>(signal.ssi_signo));
        was_asked_ = true;
        asked_by = static_cast<int>(signal.ssi_signo);
        latest = std::chrono::steady_clock::now() + patience_;
    }
}

void EarlyStop::end_process(int signal) {
    // Whoever hangs may hold what the log or the memory needs.
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(kLongestFarewell);
    std::string text = std::string("Ended by SIG") + ::sigabbrev_np(signal) + " before the service was running";
    if (const auto call = CallWatch::of_followed_thread()) text += ", in " + *call;
    const std::string line = text + "\n";
    const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    static_cast<void>(written);
    if (log_ != nullptr) log_->log(LogLevel::Fatal, text);
    ::_exit(exit_code_);
}

}  // namespace edgesync::plugins
