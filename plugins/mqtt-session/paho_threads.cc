#include "paho_threads.h"

#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <mqtt/async_client.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace edgesync::mqtt_session {
namespace {

constexpr std::array<char, 4> kConnectAccepted = {0x20, 2, 0, 0};
constexpr std::array<char, 2> kPingAnswer = {static_cast<char>(0xd0), 0};
constexpr int kAcceptWaitMs = 10'000;

/// A listening socket on the loopback, or -1; `port` is where.
int listen_on_loopback(std::uint16_t& port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (socket >= 0 && ::bind(socket, any, size) == 0 && ::listen(socket, 1) == 0 && ::getsockname(socket, any, &size) == 0) {
        port = ntohs(address.sin_port);
        return socket;
    }
    if (socket >= 0) ::close(socket);
    return -1;
}

bool is_readable(int socket, int wait_ms) {
    pollfd one{socket, POLLIN, 0};
    return ::poll(&one, 1, wait_ms) > 0;
}

mqtt::create_options options_of_keeper() {
    mqtt::create_options out(MQTTVERSION_3_1_1);
    out.set_max_buffered_messages(16);
    return out;
}

}  // namespace

/// The client that stays and whom it is connected to.
struct PahoThreads::Peer {
    explicit Peer(std::uint16_t port)
        : name("keeper-" + std::to_string(std::random_device{}()) + std::to_string(std::random_device{}())),
          client("tcp://127.0.0.1:" + std::to_string(port), name, options_of_keeper()) {}

    /// False: there is no connection, and Paho must do with its own pace.
    bool connect(int listener) {
        mqtt::connect_options options;
        options.set_mqtt_version(MQTTVERSION_3_1_1);
        options.set_keep_alive_interval(0);
        try {
            client.connect(options);
        } catch (const mqtt::exception&) {
            return false;
        }
        while (is_readable(listener, kAcceptWaitMs)) {
            socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (is_client()) return ::send(socket, kConnectAccepted.data(), kConnectAccepted.size(), MSG_NOSIGNAL) > 0;
            if (socket >= 0) ::close(socket);
        }
        return false;
    }

    /// Anybody on the machine may connect; the client's name is known to nobody else.
    bool is_client() const {
        std::array<char, 256> packet{};
        if (socket < 0 || !is_readable(socket, kAcceptWaitMs)) return false;
        const ssize_t count = ::recv(socket, packet.data(), packet.size(), MSG_DONTWAIT);
        return count > 0 && std::string_view(packet.data(), static_cast<std::size_t>(count)).find(name) != std::string_view::npos;
    }

    void nudge() {
        try {
            client.publish("wake", "", 0, 0, false);
        } catch (const mqtt::exception&) {  // Nothing that could be done better: the next nudge is soon.
        }
        read_all();
        (void)::send(socket, kPingAnswer.data(), kPingAnswer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    void read_all() const {
        std::array<char, 1024> octets{};
        while (::recv(socket, octets.data(), octets.size(), MSG_DONTWAIT) > 0) {
        }
    }

    const std::string name;
    mqtt::async_client client;
    int socket = -1;
};

PahoThreads& PahoThreads::get() {
    static auto* const one = new PahoThreads;  // Paho's threads run until the end of the process, and so does this.
    return *one;
}

PahoThreads::PahoThreads() {
    MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
    options.do_openssl_init = 0;
    MQTTAsync_global_init(&options);
    std::uint16_t port = 1883;
    const int listener = listen_on_loopback(port);
    peer_ = std::make_unique<Peer>(port);
    if (listener < 0) return;
    try {
        std::thread([this, listener] {
            const bool is_connected = peer_->connect(listener);
            ::close(listener);
            if (is_connected) run();
        }).detach();
    } catch (const std::system_error&) {  // The system has no more threads: Paho must do with its own pace.
        ::close(listener);
    }
}

void PahoThreads::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        is_idle_ = true;
        wake_.wait(lock, [this] { return under_way_ > 0; });
        is_idle_ = false;
        is_quickened_ = false;
        if (wake_.wait_for(lock, pause_, [this] { return is_quickened_; }) || under_way_ == 0) continue;
        pause_ = std::min<decltype(pause_)>(pause_ * kGrowth, kLongestPause);
        lock.unlock();
        peer_->nudge();
        lock.lock();
    }
}

/// Something happened, so something else may be about to.
void PahoThreads::quicken() {
    const bool is_waiting_long = pause_ > kFirstPause * 4;
    pause_ = kFirstPause;
    if (!is_waiting_long) return;
    is_quickened_ = true;
    wake_.notify_one();
}

void PahoThreads::begin() {
    const std::lock_guard lock(mutex_);
    quicken();
    ++under_way_;
    // Small messages begin and end all the time; a pause that has begun looks at them when it ends.
    if (is_idle_) wake_.notify_one();
}

void PahoThreads::end(int count) {
    const std::lock_guard lock(mutex_);
    under_way_ -= count;
    quicken();
}

void PahoThreads::Work::begin() {
    const std::lock_guard lock(mutex_);
    ++begun_;
    threads_.begin();
}

void PahoThreads::Work::end() {
    const std::lock_guard lock(mutex_);
    if (begun_ == 0) return;
    --begun_;
    threads_.end(1);
}

}  // namespace edgesync::mqtt_session
