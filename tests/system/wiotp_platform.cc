#include "tests/system/wiotp_platform.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "tests/system/loopback.h"
#include "tests/system/mqtt_packets.h"

namespace edgesync::system_test {
namespace {

constexpr char kCannotVersion = 1;
constexpr char kNotAuthorized = 5;
constexpr char kConnect = 0x10;
constexpr unsigned kCleanSession = 0x02;
constexpr unsigned kHasWill = 0x04;
constexpr unsigned kHasPassword = 0x40;
constexpr unsigned kHasUser = 0x80;
constexpr unsigned kRetain = 0x01;
constexpr unsigned kQos = 0x06;

/// False: the connection is over.
bool receive(int socket, std::string& backlog) {
    std::array<char, 65536> octets;
    const ssize_t count = ::recv(socket, octets.data(), octets.size(), 0);
    if (count > 0) backlog.append(octets.data(), static_cast<std::size_t>(count));
    return count > 0;
}

/// The next complete packet; nullopt: the connection is over.
std::optional<std::string> next_packet(int socket, std::string& backlog) {
    for (;;) {
        if (const auto length = length_of(backlog)) {
            std::string packet = backlog.substr(0, *length);
            backlog.erase(0, *length);
            return packet;
        }
        if (!receive(socket, backlog)) return std::nullopt;
    }
}

struct Connect {
    int level = 0;
    std::string_view keep_alive;
    std::string client_id;
    std::string user;
    std::string password;
};

/// @throws std::runtime_error for one that this platform does not read.
Connect read_connect(std::string_view body) {
    Connect out;
    take_text(body);
    out.level = take_octets(body, 1)[0];
    const auto flags = static_cast<unsigned char>(take_octets(body, 1)[0]);
    out.keep_alive = take_octets(body, 2);
    if (out.level > 4) return out;
    if ((flags & kHasWill) != 0 || (flags & kCleanSession) == 0) throw std::runtime_error("wills and kept sessions are not emulated");
    out.client_id = take_text(body);
    if ((flags & kHasUser) != 0) out.user = take_text(body);
    if ((flags & kHasPassword) != 0) out.password = take_text(body);
    return out;
}

/// As the broker is to have it: nobody in particular, since it lets in everybody.
std::string connect_as(const std::string& name, std::string_view keep_alive) {
    return packet_of(kConnect, text_field("MQTT") + "\x04\x02" + std::string(keep_alive) + text_field(name));
}

void refuse(int client, char reason) { send_all(client, std::string("\x20\x02\0", 3) + reason); }

}  // namespace

WiotpPlatform::WiotpPlatform(WiotpAccounts accounts, int broker_port)
    : broker_port_(broker_port), listener_(listen_on_loopback(port_)), accounts_(std::move(accounts)) {
    acceptor_ = std::thread([this] { accept_clients(); });
}

WiotpPlatform::~WiotpPlatform() {
    is_stopped_ = true;
    acceptor_.join();
    disconnect_all();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
}

/// Under the lock.
void WiotpPlatform::shut_down_all() {
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

void WiotpPlatform::disconnect_all() {
    const std::lock_guard lock(mutex_);
    shut_down_all();
}

void WiotpPlatform::disconnect_all_after(int messages) {
    const std::lock_guard lock(mutex_);
    until_disconnection_ = messages;
}

void WiotpPlatform::add_gateway(const std::string& client_id, const std::string& token) {
    const std::lock_guard lock(mutex_);
    accounts_.tokens[client_id] = token;
}

std::map<std::string, int> WiotpPlatform::deliveries() const {
    const std::lock_guard lock(mutex_);
    return deliveries_;
}

void WiotpPlatform::accept_clients() {
    while (!is_stopped_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        {
            const std::lock_guard lock(mutex_);
            sockets_.insert(client);
        }
        threads_.emplace_back([this, client] { serve(client); });
    }
}

void WiotpPlatform::serve(int client) {
    std::string backlog;
    std::string connect;
    std::optional<WiotpClient> admitted;
    try {
        admitted = admit(client, backlog, connect);
    } catch (const std::exception&) {
        ++refusals_.clients;
    }
    const int broker = admitted ? connect_on_loopback(broker_port_) : -1;
    if (broker >= 0 && send_all(broker, connect)) {
        {
            const std::lock_guard lock(mutex_);
            sockets_.insert(broker);
        }
        std::string_view name = body_of(connect);
        take_octets(name, 10);
        std::thread down([&, text = take_text(name)] { pass_down(*admitted, text, broker, client); });
        pass_up(*admitted, client, broker, std::move(backlog));
        down.join();
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(client);
    sockets_.erase(broker);
    ::close(client);
    if (broker >= 0) ::close(broker);
}

std::string WiotpPlatform::unique_name(const WiotpClient& client) {
    // The broker would end the other connection of the same name.
    if (client.kind != WiotpClient::Kind::ScalableApplication) return client.client_id;
    const std::lock_guard lock(mutex_);
    return client.client_id + "-" + std::to_string(++scalable_connections_);
}

std::optional<WiotpClient> WiotpPlatform::admit(int client, std::string& backlog, std::string& connect) {
    const auto first = next_packet(client, backlog);
    if (!first || type_of(*first) != PacketType::Connect) return std::nullopt;
    const Connect given = read_connect(body_of(*first));
    const bool is_version_known = given.level == 3 || given.level == 4;
    std::optional<WiotpClient> known;
    if (is_version_known) {
        const std::lock_guard lock(mutex_);
        known = wiotp_client(accounts_, given.client_id, given.user, given.password);
    }
    if (!known) {
        ++refusals_.clients;
        refuse(client, is_version_known ? kNotAuthorized : kCannotVersion);
        return std::nullopt;
    }
    connect = connect_as(unique_name(*known), given.keep_alive);
    return known;
}

std::optional<std::string> WiotpPlatform::allowed(const WiotpClient& client, const std::string& packet) {
    const auto first = static_cast<unsigned char>(packet.front());
    std::string_view body = body_of(packet);
    if (type_of(packet) == PacketType::Publish) {
        const auto topic = published_as(client, take_text(body));
        const bool has_id = (first & kQos) != 0;
        const std::size_t size = body.size() - (has_id ? 2 : 0);
        if (size > largest_payload_) largest_payload_ = size;
        if (!topic) ++refusals_.topics;
        if (size > kWiotpPayload) ++refusals_.payloads;
        if (!topic || size > kWiotpPayload) return std::nullopt;
        return packet_of(static_cast<char>(first & ~kRetain), text_field(*topic).append(body));
    }
    const bool subscribes = type_of(packet) == PacketType::Subscribe;
    if (!subscribes && type_of(packet) != PacketType::Unsubscribe) return packet;
    std::string rewritten(take_octets(body, 2));
    while (!body.empty()) {
        const auto filter = subscribed_as(client, take_text(body));
        if (!filter) {
            ++refusals_.topics;
            return std::nullopt;
        }
        rewritten += text_field(*filter);
        if (subscribes) rewritten += take_octets(body, 1);
    }
    return packet_of(packet.front(), rewritten);
}

void WiotpPlatform::pass_up(const WiotpClient& client, int from, int to, std::string backlog) {
    try {
        while (const auto packet = next_packet(from, backlog)) {
            const auto passed = allowed(client, *packet);
            if (!passed || !send_all(to, *passed)) break;
        }
    } catch (const std::exception&) {
        // What is no packet ends the connection, as with any broker.
    }
    ::shutdown(from, SHUT_RDWR);
    ::shutdown(to, SHUT_RDWR);
}

void WiotpPlatform::pass_down(const WiotpClient& client, const std::string& name, int from, int to) {
    std::string backlog;
    while (auto packet = next_packet(from, backlog)) {
        if (type_of(*packet) == PacketType::Publish) {
            std::string_view body = body_of(*packet);
            const std::string topic = delivered_as(client, take_text(body));
            packet = packet_of(packet->front(), text_field(topic).append(body));
            const std::lock_guard lock(mutex_);
            ++deliveries_[name];
            if (until_disconnection_ > 0 && --until_disconnection_ == 0) {
                shut_down_all();
                ++disconnections_;
            }
        }
        if (!send_all(to, *packet)) break;
    }
    ::shutdown(from, SHUT_RDWR);
    ::shutdown(to, SHUT_RDWR);
}

}  // namespace edgesync::system_test
