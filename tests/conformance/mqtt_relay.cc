#include "tests/conformance/mqtt_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/system/loopback.h"

namespace edgesync::conformance {
namespace {

using system_test::connect_on_loopback;
using system_test::length_of;
using system_test::packet_of;
using system_test::PacketType;
using system_test::send_all;
using system_test::text_field;
using system_test::type_of;

/// A packet that waits to be overtaken goes on when no other came in this time.
constexpr int kPatience = 200;

}  // namespace

/// What becomes of the packets of one client.
class MqttRelay::Disturbance {
public:
    explicit Disturbance(std::atomic<std::size_t>& lost) : lost_(lost) {}

    std::vector<std::string> of(std::string packet, const PacketFaults& faults) {
        if (type_of(packet) != PacketType::Publish) return {std::move(packet)};
        const auto happens = [this](int percent) { return static_cast<int>(random_() % 100) < percent; };
        if (happens(faults.lost)) {
            ++lost_;
            return {};
        }
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
    std::atomic<std::size_t>& lost_;
    std::minstd_rand random_{7};
    std::optional<std::string> held_;
};

MqttRelay::MqttRelay(int broker_port) : relay_(broker_port, [this](int client, int broker) { pass_both_ways(client, broker); }) {}

void MqttRelay::restore() {
    relay_.restore();
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

void MqttRelay::pass_both_ways(int client, int broker) {
    std::thread back([&] { pump(broker, client, false); });
    pump(client, broker, true);
    back.join();
}

void MqttRelay::pump(int from, int to, bool is_to_broker) {
    Disturbance disturbance(lost_);
    std::string backlog;
    std::array<char, 65536> octets;
    bool is_open = true;
    while (is_open && !relay_.is_cut()) {
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

MqttPublisher::MqttPublisher(int broker_port) : socket_(connect_on_loopback(broker_port)) {
    if (socket_ < 0) throw std::runtime_error("the broker cannot be reached");
    // Version 3.1.1, a clean session, no keep-alive.
    send(packet_of(0x10, text_field("MQTT") + std::string("\x04\x02\0\0", 4) + text_field("publisher-of-octets")));
    expect(PacketType::ConnAck, 4);
}

MqttPublisher::~MqttPublisher() { ::close(socket_); }

void MqttPublisher::publish(const std::string& topic, const std::string& payload) {
    send(packet_of(0x30, text_field(topic) + payload));
    send(std::string("\xc0\0", 2));
    expect(PacketType::PingResponse, 2);
}

void MqttPublisher::send(const std::string& octets) const {
    if (!send_all(socket_, octets)) throw std::runtime_error("the broker ends the connection");
}

void MqttPublisher::expect(system_test::PacketType type, std::size_t size) const {
    std::string answer(size, '\0');
    if (::recv(socket_, answer.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size) || type_of(answer) != type) {
        throw std::runtime_error("the broker does not answer as it should");
    }
}

}  // namespace edgesync::conformance
