// A program that runs beside the plugin under test: a broker, a database.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace edgesync::conformance {

/// Ends with the object, and with this process however it ends.
class ServerProcess {
public:
    /// Starts the command with the shell. @throws std::runtime_error
    explicit ServerProcess(const std::string& command);
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    /// Waits until something listens on the port. @throws std::runtime_error if the server ends before, or after a while
    void await(int port) const;
    /// It stands still: connections stay, nothing passes.
    void freeze();
    void thaw();

private:
    pid_t pid_ = 0;
};

/// Runs the command with the shell to its end. @throws std::runtime_error if it fails
void run_command(const std::string& command);

}  // namespace edgesync::conformance
