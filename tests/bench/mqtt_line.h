// MQTT 3.1.1 with QoS 0 on a socket that does not block: as little as load for a broker needs, so that the load is not what is measured.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace edgesync::bench {

/// One connection to a broker on the loopback. Not thread-safe; throws std::runtime_error when the broker ends it.
class MqttLine {
public:
    /// Connects and subscribes to `filter`, unless it is empty; waits for the broker's answers.
    MqttLine(std::uint16_t port, const std::string& client_id, const std::string& filter);
    ~MqttLine();
    MqttLine(const MqttLine&) = delete;
    MqttLine& operator=(const MqttLine&) = delete;

    int socket() const { return socket_; }
    /// Into the output, which `write` sends.
    void publish(std::string_view topic, std::string_view head, std::string_view octets);
    /// Sends what the socket takes. False: some is left.
    bool write();
    /// Reads what is there, at most once, and gives each whole message.
    void read(const std::function<void(std::string_view payload)>& take);

private:
    void send_all(std::string_view octets) const;
    void expect_answer(unsigned char type, std::size_t octets, unsigned char refused_from) const;
    bool take_packet(const std::function<void(std::string_view)>& take);

    int socket_ = -1;
    std::string out_;
    std::size_t written_ = 0;
    std::string in_;
    std::size_t begin_ = 0;  ///< Of what is unread in `in_`.
    std::size_t end_ = 0;
    std::size_t wanted_ = 0;  ///< Size of the packet at `begin_`, as far as it is known.
};

/// Tells which lines have something to read, or take more. Each is known by its index.
class MqttLines {
public:
    MqttLines();
    ~MqttLines();
    MqttLines(const MqttLines&) = delete;
    MqttLines& operator=(const MqttLines&) = delete;

    void add(const MqttLine& line, std::uint32_t index);
    /// `waits`: call it also when the line takes octets.
    void set_waits_to_write(const MqttLine& line, std::uint32_t index, bool waits);
    /// Waits until there is something, at most `milliseconds`; false: there was nothing.
    bool wait(int milliseconds, const std::function<void(std::uint32_t index, bool can_read, bool can_write)>& ready);

private:
    int epoll_;
};

/// Seconds of the clock that scripts/bench uses as well.
double now();

}  // namespace edgesync::bench
