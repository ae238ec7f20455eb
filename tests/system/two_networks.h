// Two networks with nothing between them but a line that delays IP packets and loses some, as a radio link does. They are network
// namespaces without a name, each with a loopback and one end of the line, and a thread carries the packets: what the nodes' TCP makes of
// the loss is real. This needs neither `tc` nor a kernel with netem, and everything is gone with the object, or with the test's process.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "tests/system/line_quality.h"

namespace edgesync::system_test {

class TwoNetworks {
public:
    /// Why they cannot be made here; empty: they can.
    static std::string obstacle();
    /// @throws std::runtime_error
    explicit TwoNetworks(LineQuality quality);
    ~TwoNetworks();
    TwoNetworks(const TwoNetworks&) = delete;
    TwoNetworks& operator=(const TwoNetworks&) = delete;

    enum class Side { Left, Right };
    /// As long as it lives, what the calling thread connects to, listens at and starts is in one of the networks.
    class Stay {
    public:
        explicit Stay(int name_space);
        ~Stay();
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;

    private:
        int before_;
    };
    std::unique_ptr<Stay> enter(Side side) const;
    /// Of the line's left end, which both sides reach.
    static const char* left_address() { return "10.213.0.1"; }

    long long carried() const { return carried_; }
    long long lost() const { return lost_; }

private:
    using Clock = std::chrono::steady_clock;
    struct Packet {
        Clock::time_point due;
        std::string octets;
    };
    struct Network {
        int name_space = -1;
        int device = -1;
        std::deque<Packet> to_other;
    };

    static Network make_network(const char* address);
    static void close_network(const Network& network);
    void carry();
    void take(Network& from);
    /// When the next packet is due.
    Clock::time_point deliver(Network& from, const Network& to);

    const LineQuality quality_;
    Network left_;
    Network right_;
    std::minstd_rand random_{11};
    std::atomic<long long> carried_{0};
    std::atomic<long long> lost_{0};
    std::atomic<bool> is_stopped_{false};
    std::thread carrier_;
};

}  // namespace edgesync::system_test
