#include "tests/system/mqtt_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "tests/system/loopback.h"
#include "tests/system/mqtt_packets.h"

namespace edgesync::system_test {
namespace {

constexpr char kConnect = 0x10;
constexpr char kPublish = 0x30;
constexpr char kSubscribe = '\x82';

}  // namespace

MqttClient::MqttClient(int port, const std::string& client_id, const MqttCredentials& credentials) : socket_(connect_on_loopback(port)) {
    const bool has_user = !credentials.user.empty();
    std::string body = text_field("MQTT") + "\x04" + (has_user ? '\xc2' : '\x02') + std::string("\x00\x78", 2) + text_field(client_id);
    if (has_user) body += text_field(credentials.user) + text_field(credentials.password);
    std::array<char, 4> answer{};
    if (socket_ < 0 || !send_all(socket_, packet_of(kConnect, body)) || ::recv(socket_, answer.data(), answer.size(), MSG_WAITALL) != 4 ||
        answer[3] != 0) {
        ::close(socket_);
        throw std::runtime_error("The broker does not take the test's client");
    }
}

MqttClient::~MqttClient() { ::close(socket_); }

bool MqttClient::publish(std::string_view topic, std::string_view payload) {
    return send_all(socket_, packet_of(kPublish, text_field(topic).append(payload)));
}

bool MqttClient::subscribe(std::string_view filter) {
    std::array<char, 5> answer{};
    return send_all(socket_, packet_of(kSubscribe, std::string("\0\x01", 2) + text_field(filter) + std::string(1, '\0'))) &&
           ::recv(socket_, answer.data(), answer.size(), MSG_WAITALL) == 5 && static_cast<unsigned char>(answer[4]) < 0x80;
}

bool MqttClient::is_disconnected(std::chrono::milliseconds limit) {
    std::array<char, 4096> octets;
    pollfd waiting{socket_, POLLIN, 0};
    while (::poll(&waiting, 1, static_cast<int>(limit.count())) > 0) {
        if (::recv(socket_, octets.data(), octets.size(), 0) <= 0) return true;
    }
    return false;
}

}  // namespace edgesync::system_test
