#include "tests/conformance/mqtt_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <random>
#include <stdexcept>

namespace edgesync::conformance {
namespace {

constexpr std::uint8_t kConnAck = 2;
constexpr std::uint8_t kPublish = 3;
constexpr std::uint8_t kPingResponse = 13;
/// A packet that waits to be overtaken goes on when no other came in this time.
constexpr int kPatience = 200;

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int connect_to(int port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    ::close(socket);
    return -1;
}

bool send_all(int socket, std::string_view octets) {
    while (!octets.empty()) {
        const ssize_t sent = ::send(socket, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::uint8_t type_of(std::string_view packet) { return static_cast<std::uint8_t>(static_cast<unsigned char>(packet.front()) >> 4U); }

/// Length of the packet that `octets` begin with; nullopt: more of them are needed.
std::optional<std::size_t> length_of(std::string_view octets) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < octets.size() && i <= 4; ++i) {
        const auto octet = static_cast<unsigned char>(octets[i]);
        length |= static_cast<std::size_t>(octet & 0x7fU) << (7U * (i - 1));
        if ((octet & 0x80U) == 0) return octets.size() >= i + 1 + length ? std::optional(i + 1 + length) : std::nullopt;
    }
    return std::nullopt;
}

std::string length_field(std::size_t length) {
    std::string field;
    do {
        const auto low = static_cast<unsigned char>(length & 0x7fU);
        length >>= 7U;
        field += static_cast<char>(length > 0 ? low | 0x80U : low);
    } while (length > 0);
    return field;
}

std::string text_field(const std::string& text) {
    return std::string{static_cast<char>(text.size() >> 8U), static_cast<char>(text.size())} + text;
}

}  // namespace

/// What becomes of the packets of one client.
class MqttRelay::Disturbance {
public:
    std::vector<std::string> of(std::string packet, const PacketFaults& faults) {
        if (type_of(packet) != kPublish) return {std::move(packet)};
        const auto happens = [this](int percent) { return static_cast<int>(random_() % 100) < percent; };
        if (happens(faults.lost)) return {};
        if (faults.swaps && !held_) {
            held_ = std::move(packet);
            return {};
        }
        std::vector<std::string> out(happens(faults.repeated) ? 2 : 1, packet);
        if (held_) out.push_back(*std::exchange(held_, std::nullopt));
        return out;
    }
    std::optional<std::string> take_held() { return std::exchange(held_, std::nullopt); }

private:
    std::minstd_rand random_{7};
    std::optional<std::string> held_;
};

MqttRelay::MqttRelay(int broker_port) : broker_port_(broker_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 || ::getsockname(listener_, generic, &size) != 0) {
        ::close(listener_);
        throw std::runtime_error("the relay cannot listen");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_clients(); });
}

MqttRelay::~MqttRelay() {
    is_stopped_ = true;
    cut();
    acceptor_.join();
    for (auto& client : clients_) client.join();
    ::close(listener_);
}

void MqttRelay::cut() {
    is_cut_ = true;
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void MqttRelay::restore() {
    is_cut_ = false;
    is_silent_ = false;
    disturb({});
}

bool MqttRelay::silence() {
    is_silent_ = true;
    return true;
}

bool MqttRelay::disturb(const PacketFaults& faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
    return true;
}

PacketFaults MqttRelay::faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
}

void MqttRelay::accept_clients() {
    while (!is_stopped_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (is_cut_) {
            ::close(client);
            continue;
        }
        clients_.emplace_back([this, client] { serve(client); });
    }
}

void MqttRelay::serve(int client) {
    const int broker = connect_to(broker_port_);
    {
        const std::lock_guard lock(mutex_);
        sockets_.insert({client, broker});
    }
    if (broker >= 0 && !is_cut_) {
        std::thread back([&] { pump(broker, client, false); });
        pump(client, broker, true);
        back.join();
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(client);
    sockets_.erase(broker);
    ::close(client);
    if (broker >= 0) ::close(broker);
}

void MqttRelay::pump(int from, int to, bool is_to_broker) {
    Disturbance disturbance;
    std::string backlog;
    std::array<char, 65536> octets;
    bool is_open = true;
    while (is_open && !is_cut_) {
        pollfd waiting{from, POLLIN, 0};
        if (is_silent_ || ::poll(&waiting, 1, kPatience) == 0) {
            if (is_silent_) std::this_thread::sleep_for(std::chrono::milliseconds(20));
            if (const auto held = disturbance.take_held()) is_open = send_all(to, *held);
            continue;
        }
        const ssize_t count = ::recv(from, octets.data(), octets.size(), 0);
        if (count <= 0) break;
        backlog.append(octets.data(), static_cast<std::size_t>(count));
        while (const auto length = length_of(backlog)) {
            std::string packet = backlog.substr(0, *length);
            backlog.erase(0, *length);
            const PacketFaults faults = is_to_broker ? this->faults() : PacketFaults{};
            for (const auto& passed : disturbance.of(std::move(packet), faults)) is_open = is_open && send_all(to, passed);
        }
    }
    ::shutdown(from, SHUT_RDWR);
    ::shutdown(to, SHUT_RDWR);
}

MqttPublisher::MqttPublisher(int broker_port) : socket_(connect_to(broker_port)) {
    if (socket_ < 0) throw std::runtime_error("the broker cannot be reached");
    // Version 3.1.1, a clean session, no keep-alive.
    const std::string body = text_field("MQTT") + std::string("\x04\x02\0\0", 4) + text_field("publisher-of-octets");
    send(std::string(1, '\x10') + length_field(body.size()) + body);
    expect(kConnAck, 4);
}

MqttPublisher::~MqttPublisher() { ::close(socket_); }

void MqttPublisher::publish(const std::string& topic, const std::string& payload) {
    const std::string body = text_field(topic) + payload;
    send(std::string(1, '\x30') + length_field(body.size()) + body);
    send(std::string("\xc0\0", 2));
    expect(kPingResponse, 2);
}

void MqttPublisher::send(const std::string& octets) const {
    if (!send_all(socket_, octets)) throw std::runtime_error("the broker ends the connection");
}

void MqttPublisher::expect(std::uint8_t type, std::size_t size) const {
    std::string answer(size, '\0');
    if (::recv(socket_, answer.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size) || type_of(answer) != type) {
        throw std::runtime_error("the broker does not answer as it should");
    }
}

}  // namespace edgesync::conformance
