// A broker that says what a test wants it to say.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace edgesync::mqtt_session {

/// Serves one connection at a time on a loopback port.
class ScriptedBroker {
public:
    struct Reaction {
        std::string answer;
        bool closes = false;  ///< After the answer.
        bool stops_reading = false;
    };
    /// Called by the broker's thread for each packet that arrives.
    using Script = std::function<Reaction(const std::string& packet)>;

    explicit ScriptedBroker(Script script);
    ~ScriptedBroker();
    ScriptedBroker(const ScriptedBroker&) = delete;
    ScriptedBroker& operator=(const ScriptedBroker&) = delete;

    std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

private:
    void run();
    void serve(int socket);

    const Script script_;
    int listener_ = -1;
    int stop_[2] = {-1, -1};
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::thread thread_;
};

enum class Packet { Connect = 1, Publish = 3, Subscribe = 8, Unsubscribe = 10, Disconnect = 14 };

bool is(const std::string& packet, Packet kind);
/// Of CONNECT: 3, 4 or 5.
int level_of(const std::string& connect);
std::string connack(int code);
/// For a SUBSCRIBE of MQTT 3.
std::string suback(const std::string& subscribe, const std::vector<int>& codes);
/// For an UNSUBSCRIBE of MQTT 3.
std::string unsuback(const std::string& unsubscribe);
/// The filters of a SUBSCRIBE or UNSUBSCRIBE of MQTT 3.
std::vector<std::string> filters_of(const std::string& packet);

}  // namespace edgesync::mqtt_session
