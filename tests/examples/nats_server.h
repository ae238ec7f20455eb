// The distribution's NATS server, for one test: on a loopback port, in a private folder, gone with the object and with the test's process.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/system/sandbox.h"

namespace edgesync::system_test {

class NatsServer {
public:
    /// False: it is not installed, and the test can only be skipped.
    static bool is_installed();

    /// `lines`: further ones of its configuration; {folder} in them is its folder. Does not start it.
    explicit NatsServer(const std::string& lines = "");
    ~NatsServer();
    NatsServer(const NatsServer&) = delete;
    NatsServer& operator=(const NatsServer&) = delete;

    /// Returns when it takes connections; on the same port each time.
    void start();
    /// As a crash.
    void kill_hard();

    int port() const { return port_; }
    std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
    /// Puts a file into its folder.
    void write(const std::string& name, const std::string& text) const;

private:
    const TemporaryFolder folder_;
    const int port_ = free_port();
    pid_t pid_ = -1;
};

/// Publishes octets as any client of a server on loopback can. @throws std::runtime_error if the server does not take it.
void publish_on_nats(int port, const std::string& subject, const std::string& payload);

}  // namespace edgesync::system_test
