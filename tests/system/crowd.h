// Clients that mean harm, many at once, driven by one thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace edgesync::system_test {

/// Opens `count` connections to a port of loopback and misbehaves on them, a kind after the other: says nothing; sends a header by
/// the octet; sends a body by the octet; asks for `large_path` and hardly reads; sends garbage. Connects again when it is turned out.
class Crowd {
public:
    Crowd(int port, std::size_t count, std::string large_path);
    ~Crowd();
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    /// Whether every one has been connected, and has done something.
    bool is_complete() const { return rounds_ > 1; }
    /// How often one was turned out.
    std::size_t turned_out() const { return turned_out_; }

private:
    enum class Kind { Silent, Header, Body, Reader, Garbage };
    struct Client {
        Kind kind = Kind::Silent;
        int fd = -1;
    };

    void run();
    void act(Client& client);
    void begin(Client& client);
    void go_on(Client& client);
    void end(Client& client);

    const int port_;
    const std::string large_path_;
    std::vector<Client> clients_;
    std::atomic<std::size_t> rounds_{0};
    std::atomic<std::size_t> turned_out_{0};
    std::atomic<bool> is_stopped_{false};
    std::thread thread_;
};

/// Lets this process open so many descriptors; false: the system does not allow it.
bool allow_descriptors(std::size_t count);

/// An own connection to a port of loopback; -1: refused. Reads and writes wait at most a minute.
int connect_to(int port);

}  // namespace edgesync::system_test
