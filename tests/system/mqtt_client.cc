#include "tests/system/mqtt_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace edgesync::system_test {
namespace {

constexpr char kConnect = 0x10;
constexpr char kPublish = 0x30;

std::string text_field(std::string_view text) {
    std::string field{static_cast<char>(text.size() >> 8U), static_cast<char>(text.size() & 0xffU)};
    return field.append(text);
}

std::string packet(char type, const std::string& body) {
    std::string octets(1, type);
    std::size_t length = body.size();
    do {
        const auto digit = static_cast<unsigned char>(length % 128);
        length /= 128;
        octets.push_back(static_cast<char>(length > 0 ? digit | 0x80U : digit));
    } while (length > 0);
    return octets + body;
}

}  // namespace

MqttClient::MqttClient(int port, const std::string& client_id) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int no_delay = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
    const bool is_connected = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    const std::string clean_session_and_keep_alive("\x02\x00\x78", 3);
    std::array<char, 4> answer{};
    if (!is_connected || !send_all(packet(kConnect, text_field("MQTT") + "\x04" + clean_session_and_keep_alive + text_field(client_id))) ||
        ::recv(socket_, answer.data(), answer.size(), MSG_WAITALL) != 4 || answer[3] != 0) {
        ::close(socket_);
        throw std::runtime_error("The broker does not take the test's client");
    }
}

MqttClient::~MqttClient() { ::close(socket_); }

bool MqttClient::send_all(std::string_view octets) const {
    while (!octets.empty()) {
        const ssize_t count = ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

bool MqttClient::publish(std::string_view topic, std::string_view payload) {
    return send_all(packet(kPublish, text_field(topic).append(payload)));
}

}  // namespace edgesync::system_test
