#include "tests/system/crowd.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <random>

namespace edgesync::system_test {
namespace {

/// Between two acts of one client.
constexpr std::chrono::milliseconds kPause{200};
/// "admin@acme:x".
constexpr char kCredentials[] = "Authorization: Basic YWRtaW5AYWNtZTp4\r\n";

std::string garbage() {
    static std::minstd_rand random(3);
    std::string octets(1 + random() % 300, '\0');
    for (char& octet : octets) octet = static_cast<char>(random() >> 8U);
    return octets;
}

}  // namespace

bool allow_descriptors(std::size_t count) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < count) return false;
    if (limit.rlim_cur >= count) return true;
    limit.rlim_cur = count;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int connect_to(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // What the server has sent and nobody reads shall not pile up here.
    const int small = 4096;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const timeval limit{60, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

Crowd::Crowd(int port, std::size_t count, std::string large_path) : port_(port), large_path_(std::move(large_path)) {
    for (std::size_t i = 0; i < count; ++i) clients_.push_back({static_cast<Kind>(i % 5), -1});
    thread_ = std::thread([this] { run(); });
}

Crowd::~Crowd() {
    is_stopped_ = true;
    thread_.join();
    for (Client& client : clients_) end(client);
}

void Crowd::run() {
    while (!is_stopped_) {
        for (Client& client : clients_) {
            if (is_stopped_) return;
            act(client);
        }
        ++rounds_;
        std::this_thread::sleep_for(kPause);
    }
}

void Crowd::act(Client& client) {
    if (client.fd < 0) {
        client.fd = connect_to(port_);
        if (client.fd >= 0) begin(client);
        return;
    }
    go_on(client);
}

void Crowd::begin(Client& client) {
    std::string octets;
    if (client.kind == Kind::Header) octets = "GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    if (client.kind == Kind::Body) {
        octets = std::string("PUT /api/v1/objects/acme/bad/b HTTP/1.1\r\nHost: a\r\n") + kCredentials + "Content-Length: 60000\r\n\r\n{";
    }
    if (client.kind == Kind::Reader) octets = "GET " + large_path_ + " HTTP/1.1\r\nHost: a\r\n" + kCredentials + "\r\n";
    if (client.kind == Kind::Garbage) octets = garbage();
    if (!octets.empty()) ::send(client.fd, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Crowd::go_on(Client& client) {
    if (client.kind == Kind::Header || client.kind == Kind::Body) ::send(client.fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (client.kind == Kind::Garbage) {
        const std::string octets = garbage();
        ::send(client.fd, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    char octets[100];
    const ssize_t count = ::recv(client.fd, octets, sizeof octets, MSG_DONTWAIT);
    const bool has_ended = count == 0 || (count < 0 && errno != EAGAIN);
    if (!has_ended) return;
    ++turned_out_;
    end(client);
}

void Crowd::end(Client& client) {
    if (client.fd >= 0) ::close(client.fd);
    client.fd = -1;
}

}  // namespace edgesync::system_test
