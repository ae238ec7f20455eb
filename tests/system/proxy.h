// A TCP forwarder between a node and its CSS that a test can cut and restore, slow down, and let lose messages.
#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/line_quality.h"

namespace edgesync::system_test {

class Proxy {
public:
    /// To `css_port`, or to the broker if the tests run beside one: the nodes' line then goes through it instead.
    explicit Proxy(int css_port);
    ~Proxy();
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    int port() const { return port_; }
    /// Whether a proxy that lives listens there.
    static bool listens_at(int port);
    /// Breaks all connections and accepts none.
    void cut();
    void restore() { is_cut_ = false; }
    /// From now on connections are accepted and kept, and nothing is forwarded.
    void freeze() { is_frozen_ = true; }
    /// The same once so many octets have been forwarded, but for a window of each connection.
    void freeze_at(long long octets) { frozen_at_ = octets; }
    void thaw() {
        is_frozen_ = false;
        frozen_at_ = std::numeric_limits<long long>::max();
    }
    /// Before the first connection: octets arrive late, and what a lost packet would hold back until TCP has sent it again, even later.
    void set_quality(LineQuality quality) { quality_ = quality; }
    /// Before the first connection: of an MQTT line; packets for which this is true are not passed on. It may change them, but not their
    /// length. Called from several threads.
    void disturb(std::function<bool(std::string& packet)> is_lost) { is_lost_ = std::move(is_lost); }
    /// Octets forwarded so far, both directions.
    long long forwarded() const { return forwarded_; }

private:
    class Direction;

    void accept_clients();
    void forward(int client);
    void serve(int client, int server);

    const int target_port_;
    int listener_ = -1;
    int port_ = 0;
    LineQuality quality_;
    std::function<bool(std::string&)> is_lost_;
    std::atomic<bool> is_cut_{false};
    std::atomic<bool> is_frozen_{false};
    std::atomic<long long> frozen_at_{std::numeric_limits<long long>::max()};
    std::atomic<bool> is_stopped_{false};
    std::atomic<long long> forwarded_{0};
    std::mutex mutex_;
    std::set<int> sockets_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace edgesync::system_test
