// What a test has to itself: a folder, a port, programs that end with it, and the patience to wait for something.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace edgesync::system_test {

/// Removed with everything in it; what a test that was killed left behind, by the next one.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Free at that moment, given to no other test as long as this process lives, and none of those that the kernel gives to clients: a server
/// that starts a moment later, or once more, would find it taken. @throws std::runtime_error: there is none
int free_port();

/// Starts a program in a process that ends (SIGKILL) with the thread that called this, however that ends. What it says goes to the end of
/// `output`; `variables`, "NAME=value", come on top of the environment. -1: that is not possible.
pid_t start_process(std::vector<std::string> command, const std::filesystem::path& output, std::vector<std::string> variables = {});

/// How long a test waits for what does not depend on time: on a busy machine every step takes many times as long as on an idle one. Who
/// waits for this long waits for what never happens.
inline constexpr std::chrono::seconds kPatience{120};

/// True once `condition` holds, false at the deadline.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = kPatience);

}  // namespace edgesync::system_test
