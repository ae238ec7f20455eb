#include "tests/system/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/system/loopback.h"

namespace edgesync::system_test {

Relay::Relay(int target_port, Pass pass) : target_port_(target_port), pass_(std::move(pass)), listener_(listen_on_loopback(port_)) {
    acceptor_ = std::thread([this] { accept_clients(); });
}

Relay::~Relay() {
    is_stopped_ = true;
    cut();
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
}

void Relay::cut() {
    is_cut_ = true;
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void Relay::accept_clients() {
    while (!is_stopped_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (is_cut_) {
            ::close(client);
            continue;
        }
        threads_.emplace_back([this, client] { serve(client); });
    }
}

void Relay::serve(int client) {
    const int server = connect_on_loopback(target_port_);
    {
        const std::lock_guard lock(mutex_);
        sockets_.insert({client, server});
    }
    if (server >= 0 && !is_cut_) pass_(client, server);
    const std::lock_guard lock(mutex_);
    sockets_.erase(client);
    sockets_.erase(server);
    ::close(client);
    if (server >= 0) ::close(server);
}

}  // namespace edgesync::system_test
