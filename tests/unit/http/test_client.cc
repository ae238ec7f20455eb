#include "tests/unit/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace edgesync::http::test {
namespace {

void limit_waits(int fd) {
    const timeval limit{30, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

Client::Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    limit_waits(fd_);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
}

Client::Client(const std::string& unix_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, unix_path.c_str(), sizeof address.sun_path - 1);
    limit_waits(fd_);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
}

Client::~Client() { close(); }

void Client::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void Client::end_output() { ::shutdown(fd_, SHUT_WR); }

void Client::send(const std::string& octets) {
    for (std::size_t sent = 0; sent < octets.size();) {
        const ssize_t count = ::send(fd_, octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) return;  // The server may have closed; the test sees it in what it receives.
        sent += static_cast<std::size_t>(count);
    }
}

bool Client::more() {
    char buffer[65536];
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    input_.append(buffer, static_cast<std::size_t>(count));
    return true;
}

bool Client::take_chunks(std::string& body) {
    for (;;) {
        std::size_t end = 0;
        while ((end = input_.find("\r\n")) == std::string::npos) {
            if (!more()) return false;
        }
        const std::size_t size = std::stoul(input_.substr(0, end), nullptr, 16);
        while (input_.size() < end + 2 + size + 2) {
            if (!more()) return false;
        }
        body += input_.substr(end + 2, size);
        input_.erase(0, end + 2 + size + 2);
        if (size == 0) return true;
    }
}

Answer Client::receive(bool has_body) {
    Answer answer;
    std::size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
        if (!more()) return answer;
    }
    answer.head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    const int status = std::stoi(answer.head.substr(9, 3));
    const std::size_t length_at = answer.head.find("\r\nContent-Length: ");
    if (has_body && answer.has("Transfer-Encoding: chunked")) {
        if (!take_chunks(answer.body)) return answer;
    } else if (has_body && length_at != std::string::npos) {
        const std::size_t length = std::stoul(answer.head.substr(length_at + 18));
        while (input_.size() < length) {
            if (!more()) return answer;
        }
        answer.body = input_.substr(0, length);
        input_.erase(0, length);
    } else if (has_body && answer.has("Connection: close")) {
        while (more()) {
        }
        answer.body.swap(input_);
    }
    answer.status = status;
    return answer;
}

bool Client::is_closed() {
    pollfd poll{fd_, POLLIN, 0};
    if (!input_.empty() || ::poll(&poll, 1, 30000) != 1) return false;
    char octet;
    return ::recv(fd_, &octet, 1, 0) <= 0;
}

bool Client::has_news() const {
    pollfd poll{fd_, POLLIN, 0};
    return !input_.empty() || ::poll(&poll, 1, 0) == 1;
}

std::string get(const std::string& path, const std::string& headers) {
    return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n";
}

std::string put(const std::string& path, const std::string& body, const std::string& headers) {
    return "PUT " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

ListenerOptions loopback() {
    ListenerOptions options;
    options.host = "127.0.0.1";
    return options;
}

HttpResponse status_response(int status) {
    HttpResponse response;
    response.status = status;
    return response;
}

HttpResponse body_response(std::string body) {
    HttpResponse response;
    response.body = std::move(body);
    return response;
}

void Gate::open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
}

bool Gate::wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [this] { return is_open_; });
}

TestBlob::TestBlob(std::string octets, bool has_file) : octets_(std::move(octets)) {
    if (!has_file) return;
    fd_ = ::memfd_create("blob", MFD_CLOEXEC);
    for (std::size_t written = 0; written < octets_.size();) {
        const ssize_t count = ::write(fd_, octets_.data() + written, octets_.size() - written);
        if (count <= 0) throw std::runtime_error("cannot write");
        written += static_cast<std::size_t>(count);
    }
}

TestBlob::~TestBlob() {
    if (fd_ >= 0) ::close(fd_);
}

std::size_t TestBlob::read(std::int64_t offset, std::span<std::byte> out) {
    const auto begin = std::min(static_cast<std::size_t>(offset), octets_.size());
    const std::size_t count = std::min(out.size(), octets_.size() - begin);
    std::memcpy(out.data(), octets_.data() + begin, count);
    return count;
}

std::string pattern(std::size_t size) {
    std::string octets(size, '\0');
    std::uint32_t state = 1;
    for (char& octet : octets) {
        state = state * 1664525 + 1013904223;
        octet = static_cast<char>(state >> 24);
    }
    return octets;
}

Server::Server(ListenerOptions options) : listener(prepared(std::move(options)), router, io, workers) {
    router.mount("/", handler);
    io.start();
    listener.start();
}

Server::~Server() {
    listener.stop();
    workers.stop();
    io.stop();
}

ListenerOptions Server::prepared(ListenerOptions options) {
    options.host = "127.0.0.1";
    options.log = [this](LogLevel, std::string_view text) {
        const std::lock_guard lock(log_mutex);
        log.emplace_back(text);
    };
    return options;
}

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

}  // namespace edgesync::http::test
