#include "tests/system/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

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

/// False: the connection is over.
bool pass_on(int from, int to, std::atomic<long long>& forwarded) {
    std::array<char, 65536> octets;
    const ssize_t count = ::recv(from, octets.data(), octets.size(), 0);
    if (count <= 0) return false;
    for (ssize_t sent = 0; sent < count;) {
        const ssize_t part = ::send(to, octets.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
        if (part <= 0) return false;
        sent += part;
    }
    forwarded += count;
    return true;
}

}  // namespace

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
    if (!is_cut_ && ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
        bool is_open = true;
        while (is_open && !is_cut_) {
            if (is_frozen_ || forwarded_ >= frozen_at_) {
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
                continue;
            }
            std::array<pollfd, 2> waiting{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
            if (::poll(waiting.data(), 2, 100) < 0) break;
            if (waiting[0].revents != 0) is_open = pass_on(client, server, forwarded_);
            if (is_open && waiting[1].revents != 0) is_open = pass_on(server, client, forwarded_);
        }
        // An answer that ends a request early comes just before the end.
        pollfd rest{server, POLLIN, 0};
        while (!is_cut_ && ::poll(&rest, 1, 0) > 0 && pass_on(server, client, forwarded_)) {
        }
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(client);
    sockets_.erase(server);
    ::close(client);
    ::close(server);
}

}  // namespace edgesync::system_test
