#include "tests/system/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>

#include "tests/system/loopback.h"
#include "tests/system/mqtt_packets.h"

namespace edgesync::system_test {
namespace {

int target_of(int css_port) {
    const char* broker = std::getenv("EDGESYNC_TEST_BROKER");
    return broker != nullptr ? std::atoi(broker) : css_port;
}

struct Ports {
    std::mutex mutex;
    std::set<int> listening;
};

Ports& ports() {
    static Ports of_all_proxies;
    return of_all_proxies;
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

constexpr double kPacket = 1400;
constexpr std::chrono::milliseconds kRetransmission{200};
/// More is not read before some of it has arrived.
constexpr std::size_t kMostOnTheWay = 4'000'000;

}  // namespace

/// The octets from one end of a connection to the other.
class Proxy::Direction {
public:
    Direction(Proxy& proxy, int from, int to) : proxy_(proxy), from_(from), to_(to) {}

    pollfd wants() const { return {octets_ < kMostOnTheWay ? from_ : -1, POLLIN, 0}; }
    /// False: the sender has ended.
    bool take() {
        std::string octets(65536, '\0');
        const ssize_t count = ::recv(from_, octets.data(), octets.size(), 0);
        if (count <= 0) return false;
        octets.resize(static_cast<std::size_t>(count));
        if (proxy_.is_lost_) octets = without_lost(octets);
        if (octets.empty()) return true;
        octets_ += octets.size();
        const auto due = std::max(Clock::now() + proxy_.quality_.delay + pause_for_loss(octets.size()), last_due_);
        last_due_ = due;
        waiting_.emplace_back(due, std::move(octets));
        return true;
    }
    /// Passes on what is due, or all of it. False: the receiver has ended.
    bool deliver(bool is_all = false) {
        while (!waiting_.empty() && (is_all || waiting_.front().first <= Clock::now())) {
            const std::string& octets = waiting_.front().second;
            if (!send_all(to_, octets)) return false;
            proxy_.forwarded_ += static_cast<long long>(octets.size());
            octets_ -= octets.size();
            waiting_.pop_front();
        }
        return true;
    }
    std::chrono::milliseconds until_next() const {
        if (waiting_.empty()) return std::chrono::milliseconds(100);
        return std::chrono::ceil<std::chrono::milliseconds>(waiting_.front().first - Clock::now());
    }

private:
    using Clock = std::chrono::steady_clock;

    std::chrono::milliseconds pause_for_loss(std::size_t size) {
        const double is_whole = std::pow(1 - proxy_.quality_.lost, std::ceil(static_cast<double>(size) / kPacket));
        const bool is_lost = std::uniform_real_distribution<>(0, 1)(random_) >= is_whole;
        return is_lost ? kRetransmission + 2 * proxy_.quality_.delay : std::chrono::milliseconds(0);
    }
    std::string without_lost(const std::string& octets) {
        std::string kept;
        backlog_ += octets;
        while (const auto length = length_of(backlog_)) {
            std::string packet = backlog_.substr(0, *length);
            backlog_.erase(0, *length);
            if (!proxy_.is_lost_(packet)) kept += packet;
        }
        return kept;
    }

    Proxy& proxy_;
    const int from_;
    const int to_;
    std::deque<std::pair<Clock::time_point, std::string>> waiting_;
    std::size_t octets_ = 0;
    Clock::time_point last_due_{};
    std::string backlog_;
    std::minstd_rand random_{13};
};

Proxy::Proxy(int css_port) : target_port_(target_of(css_port)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    {
        const std::lock_guard lock(ports().mutex);
        ports().listening.insert(port_);
    }
    acceptor_ = std::thread([this] { accept_clients(); });
}

bool Proxy::listens_at(int port) {
    const std::lock_guard lock(ports().mutex);
    return ports().listening.contains(port);
}

Proxy::~Proxy() {
    {
        const std::lock_guard lock(ports().mutex);
        ports().listening.erase(port_);
    }
    is_stopped_ = true;
    cut();
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
}

void Proxy::cut() {
    is_cut_ = true;
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void Proxy::accept_clients() {
    while (!is_stopped_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (is_cut_) {
            ::close(client);
            continue;
        }
        threads_.emplace_back([this, client] { forward(client); });
    }
}

void Proxy::forward(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_);
    {
        const std::lock_guard lock(mutex_);
        sockets_.insert({client, server});
    }
    if (!is_cut_ && ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) serve(client, server);
    const std::lock_guard lock(mutex_);
    sockets_.erase(client);
    sockets_.erase(server);
    ::close(client);
    ::close(server);
}

void Proxy::serve(int client, int server) {
    Direction up(*this, client, server);
    Direction down(*this, server, client);
    bool is_open = true;
    while (is_open && !is_cut_) {
        if (is_frozen_ || forwarded_ >= frozen_at_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            continue;
        }
        std::array<pollfd, 2> waiting{up.wants(), down.wants()};
        const auto pause = std::clamp<long long>(std::min(up.until_next(), down.until_next()).count(), 0, 100);
        if (::poll(waiting.data(), 2, static_cast<int>(pause)) < 0) break;
        if (waiting[0].revents != 0) is_open = up.take();
        if (is_open && waiting[1].revents != 0) is_open = down.take();
        is_open = up.deliver() && down.deliver() && is_open;
    }
    // An answer that ends a request early comes just before the end.
    pollfd rest{server, POLLIN, 0};
    while (!is_cut_ && down.deliver(true) && ::poll(&rest, 1, 0) > 0 && down.take()) {
    }
}

}  // namespace edgesync::system_test
