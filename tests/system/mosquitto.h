// The distribution's MQTT broker, for one test: on a loopback port, in a private folder, gone with the object and with the test's process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/system/certificate.h"
#include "tests/system/sandbox.h"

namespace edgesync::system_test {

struct MosquittoOptions {
    std::map<std::string, std::string> users;  ///< Name and password; empty: everybody may connect.
    bool has_tls = false;
    bool requires_client_certificate = false;
    std::string address = "127.0.0.1";                        ///< It listens there alone.
    std::string server_names = "DNS:localhost,IP:127.0.0.1";  ///< What the server's certificate is for.
    std::vector<std::string> lines;                           ///< Further lines of its configuration, e.g. "max_packet_size 100000".
};

/// What the broker's certificates are made of; the folder of the broker has them as files, too.
struct MosquittoCertificates {
    Certificate authority;
    Certificate other_authority;  ///< Has issued nothing.
    Certificate server;
    Certificate client;
};

class Mosquitto {
public:
    /// False: it is not installed, and the test can only be skipped.
    static bool is_installed();

    /// Does not start it.
    explicit Mosquitto(MosquittoOptions options = {});
    ~Mosquitto();
    Mosquitto(const Mosquitto&) = delete;
    Mosquitto& operator=(const Mosquitto&) = delete;

    /// Returns when it takes connections; on the same port each time.
    void start();
    /// As an operator stops it.
    void stop();
    /// As a crash.
    void kill_hard();

    /// From its next start on.
    void set_password(const std::string& user, const std::string& password) const;

    int port() const { return port_; }
    const std::string& address() const { return options_.address; }
    /// "tcp://127.0.0.1:PORT", or "ssl://localhost:PORT".
    std::string uri() const;
    const MosquittoCertificates& certificates() const { return certificates_; }
    /// authority.pem, other_authority.pem, server.pem, server-key.pem, client.pem, client-key.pem.
    std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
    /// What it has logged, over all its starts.
    std::string log() const;

private:
    void write_certificates();
    void write_configuration();
    bool takes_connections() const;
    void end(int signal);

    const MosquittoOptions options_;
    const TemporaryFolder folder_;
    const int port_ = free_port();
    MosquittoCertificates certificates_;
    pid_t pid_ = -1;
};

}  // namespace edgesync::system_test
