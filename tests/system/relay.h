// Passes connections on to a port on loopback, until a test cuts them; what becomes of their octets on the way is its owner's.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace edgesync::system_test {

/// Thread-safe.
class Relay {
public:
    /// Passes octets between two connected sockets until one of them ends; called for each connection by a thread of its own. A cut ends
    /// both sockets.
    using Pass = std::function<void(int client, int server)>;

    Relay(int target_port, Pass pass);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    int port() const { return port_; }
    /// Breaks all connections and accepts none.
    void cut();
    void restore() { is_cut_ = false; }
    bool is_cut() const { return is_cut_; }

private:
    void accept_clients();
    void serve(int client);

    const int target_port_;
    const Pass pass_;
    int port_ = 0;
    const int listener_;
    std::atomic<bool> is_cut_{false};
    std::atomic<bool> is_stopped_{false};
    std::mutex mutex_;
    std::set<int> sockets_;
    std::vector<std::thread> threads_;  ///< Only the acceptor, until it has ended.
    std::thread acceptor_;
};

}  // namespace edgesync::system_test
