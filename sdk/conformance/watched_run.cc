#include "watched_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace edgesync::conformance {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kShownOutput = 2000;
/// A signal that ends this program is noticed in this time.
constexpr std::chrono::milliseconds kGlance{200};
/// More than a pipe holds.
constexpr std::size_t kMostInPipe = 1024 * 1024;

volatile sig_atomic_t came = 0;

void write_all(int fd, const std::string& octets) {
    for (std::size_t done = 0; done < octets.size();) {
        const ssize_t count = ::write(fd, octets.data() + done, octets.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        done += static_cast<std::size_t>(count);
    }
}

/// Takes whole notes out of what arrived.
void take_notes(std::string& arrived, std::vector<Note>& notes) {
    std::uint32_t length = 0;
    while (arrived.size() >= 1 + sizeof length) {
        std::memcpy(&length, arrived.data() + 1, sizeof length);
        if (arrived.size() < 1 + sizeof length + length) return;
        notes.push_back({arrived[0], arrived.substr(1 + sizeof length, length)});
        arrived.erase(0, 1 + sizeof length + length);
    }
}

bool is_ready(int fd, std::chrono::milliseconds patience) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(patience.count())) == 1;
}

/// False: there will be no more.
bool receive(int fd, std::chrono::milliseconds patience, std::string& arrived) {
    if (!is_ready(fd, patience)) return true;
    std::array<char, 65536> octets;
    const ssize_t count = ::read(fd, octets.data(), octets.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    arrived.append(octets.data(), static_cast<std::size_t>(count));
    return count > 0;
}

bool has_ended(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

std::string end_of_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    return all.size() > kShownOutput ? all.substr(all.size() - kShownOutput) : all;
}

[[noreturn]] void be_watched(const std::function<void(const NoteSender&)>& work, int fd, const std::string& output) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);  // As the service does.
    if (!output.empty()) {
        const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        ::dup2(file, STDOUT_FILENO);
        ::dup2(file, STDERR_FILENO);
    }
    work(NoteSender(fd));
    std::exit(0);
}

/// Collects notes until the process has ended, or its time is over. What it started may keep the pipe open.
void watch(pid_t pid, int fd, Clock::time_point deadline, WatchedEnd& end) {
    std::string arrived;
    bool is_open = true;
    while (!has_ended(pid)) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || came != 0) {
            end.is_hung = came == 0;
            break;
        }
        const auto patience = std::min(left, kGlance);
        if (is_open) {
            is_open = receive(fd, patience, arrived);
        } else {
            ::poll(nullptr, 0, 5);
        }
        take_notes(arrived, end.notes);
    }
    ::kill(-pid, SIGKILL);  // All that it started, while its own number is still taken.
    int status = 0;
    ::waitpid(pid, &status, 0);
    // All that the process wrote is in the pipe, which what left its group may hold open for ever.
    const std::size_t before = arrived.size();
    while (is_open && is_ready(fd, milliseconds(0)) && arrived.size() - before < kMostInPipe)
        is_open = receive(fd, milliseconds(0), arrived);
    take_notes(arrived, end.notes);
    if (WIFSIGNALED(status) && !end.is_hung) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
}

}  // namespace

void NoteSender::send(char kind, const std::string& text) const {
    const auto length = static_cast<std::uint32_t>(text.size());
    std::string octets(1 + sizeof length, kind);
    std::memcpy(octets.data() + 1, &length, sizeof length);
    write_all(fd_, octets + text);
}

WatchedEnd run_watched(const std::function<void(const NoteSender&)>& work, std::chrono::seconds limit, bool passes_output,
                       const std::string& folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot create a pipe");
    std::fflush(nullptr);
    const auto began = Clock::now();
    const std::string output = passes_output ? std::string() : folder + "/output";
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("cannot start a process");
    if (pid == 0) {
        ::close(ends[0]);
        be_watched(work, ends[1], output);
    }
    ::setpgid(pid, pid);  // Whoever of the two is first.
    ::close(ends[1]);
    WatchedEnd end;
    watch(pid, ends[0], began + limit, end);
    ::close(ends[0]);
    end.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    if (!output.empty()) end.output = end_of_file(output);
    return end;
}

void watch_for_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, [](int number) { came = number; });
}

int signal_that_came() { return came; }

std::string words_of_signal(int signal) {
    switch (signal) {
        case SIGSEGV: return "SIGSEGV (it used memory that is not its own)";
        case SIGABRT: return "SIGABRT (it gave up: an exception that nobody caught, a failed assertion, or a damaged heap)";
        case SIGFPE: return "SIGFPE (it divided by zero)";
        case SIGILL: return "SIGILL (it ran what is no instruction)";
        case SIGBUS: return "SIGBUS (it used memory behind the end of a file)";
        default: return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    }
}

}  // namespace edgesync::conformance
