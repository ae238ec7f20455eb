// Real processes of the service on loopback, each with a private folder and port, driven over real sockets.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/sandbox.h"

namespace edgesync::system_test {

struct Answer {
    int status = 0;  ///< 0: no connection.
    std::string body;
    std::map<std::string, std::string> headers;
};

/// One request on a connection of its own; `user` empty: without credentials.
Answer call(int port, const std::string& method, const std::string& path, const std::string& body = "",
            const std::map<std::string, std::string>& headers = {}, const std::string& user = "admin@acme",
            const std::string& host = "127.0.0.1");

/// The value of Authorization; the password is "x".
std::string credentials_of(const std::string& user);

/// A sanitizer must be the first library of a process, so the one that shifts a node's clock cannot be.
inline constexpr bool kCanShiftClocks =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    false;
#else
    true;
#endif

/// One node of the service. `lines` of its configuration replace what a test node has by default.
class Node {
public:
    Node(std::filesystem::path folder, std::string name, std::vector<std::string> lines);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Returns when it answers and its start has come to its end.
    void start();
    /// Starts without waiting.
    void launch();
    /// Behind "-c FILE", from the next start on.
    void add_arguments(const std::vector<std::string>& arguments) {
        arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
    }
    /// From its next start on.
    void set_environment(const std::string& name, const std::string& value) { variables_.push_back(name + "=" + value); }
    /// The clock on the wall that the process sees is so much ahead: from its next start on, and at once if this was called before its
    /// start.
    void shift_clock(std::chrono::seconds ahead) const;
    /// It listens there and not on loopback.
    void reach_at(const std::string& host) { host_ = host; }
    void kill_hard();
    /// SIGHUP: it reads its files again.
    void reload() const;
    /// SIGTERM; the exit code.
    int terminate();
    /// Waits for the end of a process that ends by itself; the exit code, -1 at the deadline.
    int wait_for_end(std::chrono::milliseconds limit = kPatience);
    bool is_healthy() const;

    int port() const { return port_; }
    pid_t pid() const { return pid_; }
    const std::filesystem::path& root() const { return root_; }
    std::string output() const;
    std::filesystem::path config() const { return config_; }
    Answer request(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::map<std::string, std::string>& headers = {}) const {
        return call(port_, method, "/api/v1/" + path, body, headers, "admin@acme", host_);
    }

private:
    bool has_started(std::size_t said_before) const;

    const int port_ = free_port();
    std::string host_ = "127.0.0.1";
    std::filesystem::path root_;
    std::filesystem::path config_;
    std::filesystem::path output_;
    bool says_that_it_runs_ = false;  ///< On its output.
    std::filesystem::path clock_;     ///< Not there before its clock is moved.
    pid_t pid_ = -1;
    std::vector<std::string> arguments_;
    std::vector<std::string> variables_;
};

/// Lines for a CSS whose store is `schema` in the database that the tests run beside (tests/with-postgres); `lines` come first.
std::vector<std::string> database_lines(const std::string& schema, std::vector<std::string> lines = {});

/// With a store in the database, if there is one, unless `lines` say otherwise.
std::unique_ptr<Node> make_css(const std::filesystem::path& folder, std::vector<std::string> lines = {});
std::unique_ptr<Node> make_ess(const std::filesystem::path& folder, const std::string& id, int css_port,
                               std::vector<std::string> lines = {});

/// Publishes metadata and data on a CSS; the status code of the last step.
int publish(const Node& css, const std::string& type, const std::string& id, const std::string& addressing, const std::string& data);
/// In one request.
int publish_at_once(const Node& css, const std::string& type, const std::string& id, const std::string& addressing,
                    const std::string& data);
/// The same on an ESS.
int publish_on_edge(const Node& ess, const std::string& type, const std::string& id, const std::string& data);
std::string status(const Node& css, const std::string& type, const std::string& id);
std::string edge_status(const Node& ess, const std::string& type, const std::string& id);
/// "cam1=delivered,cam2=consumed", sorted.
std::string deliveries(const Node& css, const std::string& type, const std::string& id);
bool registered(const Node& css, std::size_t nodes);
/// As metadata has it; `zone` is only what the text ends with.
std::string time_text(std::time_t at, const std::string& zone = "Z");
std::string random_octets(std::size_t size, unsigned seed);

}  // namespace edgesync::system_test
