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

#include "edgesync/sdk/error.h"
#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {
namespace {

int must_be_open(int descriptor) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category());
    return descriptor;
}

/// If to say it takes longer than this many seconds, the process ends without.
constexpr unsigned kLongestFarewell = 2;

}  // namespace

EarlyStop::EarlyStop(std::chrono::milliseconds patience, int exit_code) : patience_(patience), exit_code_(exit_code) {
    CallWatch::follow_this_thread();
    begin(Phase::Start);
}

void EarlyStop::begin(Phase phase) {
    end();
    phase_ = phase;
    latest_ = std::chrono::steady_clock::now() + patience_;
    try {
        take_signals();
    } catch (const std::system_error& error) {
        close_descriptors();
        throw Error(ErrorKind::Busy, std::string("The service cannot wait for signals: ") + error.what());
    }
}

void EarlyStop::take_signals() {
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
        close_descriptors();
    }
    return was_asked();
}

void EarlyStop::close_descriptors() {
    for (int* const descriptor : {&signals_, &is_over_}) {
        if (*descriptor >= 0) ::close(*descriptor);
        *descriptor = -1;
    }
}

void EarlyStop::run() {
    for (;;) {
        std::array<pollfd, 2> ready{{{is_over_, POLLIN, 0}, {signals_, POLLIN, 0}}};
        int wait = -1;
        if (was_asked() && phase_ == Phase::Start) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest_ - std::chrono::steady_clock::now());
            if (left.count() <= 0) end_process(asked_by_);
            wait = static_cast<int>(left.count());
        }
        if (::poll(ready.data(), ready.size(), wait) < 0) continue;
        if (ready[0].revents != 0) return;
        if (ready[1].revents == 0) continue;
        signalfd_siginfo signal{};
        if (::read(signals_, &signal, sizeof signal) != sizeof signal) continue;
        if (was_asked()) end_process(static_cast<int>(signal.ssi_signo));
        latest_ = std::chrono::steady_clock::now() + patience_;
        asked_by_ = static_cast<int>(signal.ssi_signo);
    }
}

void EarlyStop::end_process(int signal) {
    // Whoever hangs may hold what the log or the memory needs.
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(kLongestFarewell);
    std::string text = std::string("Ended by SIG") + ::sigabbrev_np(signal);
    text += phase_ == Phase::Start ? " before the service was running" : " while the service stopped to start again";
    if (const auto call = CallWatch::of_followed_thread()) text += ", in " + *call;
    const std::string line = text + "\n";
    const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    static_cast<void>(written);
    if (Log* const log = log_) log->log(LogLevel::Fatal, text);
    ::_exit(exit_code_);
}

}  // namespace edgesync::plugins
