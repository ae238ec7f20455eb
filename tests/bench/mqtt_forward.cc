// What a broker forwards: one publisher and some subscribers, and nothing else.
//
//   bench-mqtt-forward PORT SUBSCRIBERS OCTETS MESSAGES WINDOW
//
// Publishes MESSAGES of OCTETS, each to the next subscriber, at most WINDOW of them under way, because with QoS 0 a broker throws away what
// does not fit its queues (mosquitto_pub knows no such bound, so it measures how fast a broker can lose messages). Prints messages/s.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/mqtt_line.h"

namespace {

using edgesync::bench::MqttLine;
using edgesync::bench::MqttLines;

std::string topic_of(std::size_t subscriber) { return "forward/" + std::to_string(subscriber); }

double forward(std::uint16_t port, std::size_t subscribers, std::size_t octets, std::size_t messages, std::size_t window) {
    MqttLines lines;
    std::vector<std::unique_ptr<MqttLine>> takers;
    for (std::size_t i = 0; i < subscribers; ++i) {
        takers.push_back(std::make_unique<MqttLine>(port, "taker-" + std::to_string(i), topic_of(i)));
        lines.add(*takers.back(), static_cast<std::uint32_t>(i));
    }
    MqttLine publisher(port, "publisher", "");
    lines.add(publisher, static_cast<std::uint32_t>(subscribers));
    const std::string payload(octets, 'x');
    std::size_t sent = 0;
    std::size_t taken = 0;
    bool waits = false;
    const double began = edgesync::bench::now();
    while (taken < messages) {
        bool is_all_written = publisher.write();
        while (is_all_written && sent < messages && sent - taken < window) {
            for (int i = 0; i < 16 && sent < messages && sent - taken < window; ++i)
                publisher.publish(topic_of(sent++ % subscribers), {}, payload);
            is_all_written = publisher.write();
        }
        if (waits == is_all_written) {
            waits = !is_all_written;
            lines.set_waits_to_write(publisher, static_cast<std::uint32_t>(subscribers), waits);
        }
        const bool is_alive = lines.wait(20'000, [&](std::uint32_t index, bool can_read, bool) {
            if (can_read && index < subscribers) takers[index]->read([&](std::string_view) { ++taken; });
        });
        if (!is_alive) throw std::runtime_error("The broker lost messages");
    }
    return static_cast<double>(messages) / (edgesync::bench::now() - began);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) return std::fputs("usage: bench-mqtt-forward PORT SUBSCRIBERS OCTETS MESSAGES WINDOW\n", stderr), 2;
    const auto number = [&](int at) { return static_cast<std::size_t>(std::strtoul(argv[at], nullptr, 10)); };
    try {
        std::printf("%.1f\n", forward(static_cast<std::uint16_t>(number(1)), number(2), number(3), number(4), number(5)));
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}
