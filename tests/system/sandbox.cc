#include "tests/system/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace edgesync::system_test {
namespace {

/// The process id of the test follows.
constexpr char kPrefix[] = "edge-sync-test-";

void remove_left_over() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path(), ignored)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const pid_t owner = std::atoi(name.c_str() + sizeof(kPrefix) - 1);
        if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry.path(), ignored);
    }
}

bool is_free(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool is_bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    return is_bound;
}

/// By a name that tests/ports.py knows as well, which the kernel gives back when this process ends. False: another process has the port.
bool reserve(int port) {
    const std::string name = "edge-sync-test-port-" + std::to_string(port);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return true;  // Kept open.
    ::close(fd);
    return false;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    static const bool is_tidy = (remove_left_over(), true);
    static_cast<void>(is_tidy);
    std::string pattern = (std::filesystem::temp_directory_path() / kPrefix).string() + std::to_string(::getpid()) + "-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

int free_port() {
    constexpr int kFirst = 18'000;  // Lower ones are for the kit and the demos.
    constexpr int kFirstOfClients = 32'768;
    constexpr int kAttempts = 1000;
    static std::mutex mutex;
    static std::mt19937 random{std::random_device{}()};
    const std::lock_guard lock(mutex);
    for (int i = 0; i < kAttempts; ++i) {
        const int port = std::uniform_int_distribution<int>(kFirst, kFirstOfClients - 1)(random);
        if (is_free(port) && reserve(port)) return port;
    }
    throw std::runtime_error("There is no free port");
}

pid_t start_process(std::vector<std::string> command, const std::filesystem::path& output, std::vector<std::string> variables) {
    std::vector<char*> arguments;
    for (auto& text : command) arguments.push_back(text.data());
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    // Only calls that are allowed between fork and exec in a process with threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::close_range(3, ~0U, 0);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

}  // namespace edgesync::system_test
