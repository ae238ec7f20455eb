// What a test has to itself: a folder, a port, and the patience to wait for something.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>

namespace edgesync::system_test {

/// Removed with everything in it.
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

/// Asked of the kernel; free at that moment.
int free_port();

/// True once `condition` holds, false at the deadline.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(20));

}  // namespace edgesync::system_test
