#include "server_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "options.h"
#include "placeholders.h"

namespace edgesync::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kEnd = 5s;

}  // namespace

ServerProcess::ServerProcess(const std::string& command) {
    const std::string words = "exec " + command;
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot start the server: " + command);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::signal(SIGPIPE, SIG_DFL);
    ::execl("/bin/sh", "sh", "-c", words.c_str(), nullptr);
    ::_exit(127);
}

ServerProcess::~ServerProcess() {
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGTERM);
    for (const auto end = Clock::now() + kEnd; Clock::now() < end; std::this_thread::sleep_for(5ms)) {
        if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void ServerProcess::await(int port) const {
    for (const auto end = Clock::now() + 2 * usual_wait(); !is_listening(port); std::this_thread::sleep_for(10ms)) {
        siginfo_t info{};
        const bool has_ended = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
        if (has_ended) throw std::runtime_error("the server ended before it listened on port " + std::to_string(port));
        if (Clock::now() > end) throw std::runtime_error("the server does not listen on port " + std::to_string(port));
    }
}

void ServerProcess::freeze() { ::kill(pid_, SIGSTOP); }
void ServerProcess::thaw() { ::kill(pid_, SIGCONT); }

void run_command(const std::string& command) {
    const int status = std::system(command.c_str());
    if (status != 0) throw std::runtime_error("this command failed: " + command);
}

}  // namespace edgesync::conformance
