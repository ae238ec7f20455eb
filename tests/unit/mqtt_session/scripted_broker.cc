#include "tests/unit/mqtt_session/scripted_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <stdexcept>

namespace edgesync::mqtt_session {
namespace {

/// Where the part after the fixed header begins and ends; nothing while it is incomplete.
std::optional<std::pair<std::size_t, std::size_t>> extent(const std::string& octets) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < octets.size() && i < 5; ++i) {
        length |= (static_cast<std::size_t>(octets[i]) & 127) << (7 * (i - 1));
        if ((octets[i] & 128) != 0) continue;
        if (octets.size() < i + 1 + length) return {};
        return std::pair{i + 1, i + 1 + length};
    }
    return {};
}

std::size_t number_at(const std::string& octets, std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(octets.at(at))) << 8 | static_cast<unsigned char>(octets.at(at + 1));
}

void wait_for(int a, int b) {
    std::array<pollfd, 2> waiting = {{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    ::poll(waiting.data(), b < 0 ? 1 : 2, -1);
}

bool is_ready(int descriptor) {
    pollfd one{descriptor, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

}  // namespace

ScriptedBroker::ScriptedBroker(Script script) : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 || ::pipe(stop_) != 0)
        throw std::runtime_error("no broker");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

ScriptedBroker::~ScriptedBroker() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listener_);
}

void ScriptedBroker::run() {
    for (;;) {
        wait_for(stop_[0], listener_);
        if (is_ready(stop_[0])) return;
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) continue;
        ++connections_;
        serve(socket);
        ::close(socket);
    }
}

void ScriptedBroker::serve(int socket) {
    std::string octets;
    std::array<char, 4096> buffer{};
    for (;;) {
        wait_for(stop_[0], socket);
        if (is_ready(stop_[0])) return;
        const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (count <= 0) return;
        octets.append(buffer.data(), static_cast<std::size_t>(count));
        while (const auto packet = extent(octets)) {
            const Reaction reaction = script_(octets.substr(0, packet->second));
            octets.erase(0, packet->second);
            ::send(socket, reaction.answer.data(), reaction.answer.size(), MSG_NOSIGNAL);
            if (reaction.closes) return;
            if (reaction.stops_reading) return wait_for(stop_[0], -1);
        }
    }
}

bool is(const std::string& packet, Packet kind) { return (static_cast<unsigned char>(packet[0]) >> 4) == static_cast<int>(kind); }

int level_of(const std::string& connect) {
    const std::size_t begin = extent(connect)->first;
    return connect.at(begin + 2 + number_at(connect, begin));
}

std::string connack(int code) { return {0x20, 2, 0, static_cast<char>(code)}; }

std::string suback(const std::string& subscribe, const std::vector<int>& codes) {
    const std::size_t begin = extent(subscribe)->first;
    std::string out = {static_cast<char>(0x90), static_cast<char>(2 + codes.size()), subscribe[begin], subscribe[begin + 1]};
    for (const int code : codes) out += static_cast<char>(code);
    return out;
}

std::string unsuback(const std::string& unsubscribe) {
    const std::size_t begin = extent(unsubscribe)->first;
    return {static_cast<char>(0xb0), 2, unsubscribe[begin], unsubscribe[begin + 1]};
}

std::vector<std::string> filters_of(const std::string& packet) {
    const std::size_t around = is(packet, Packet::Subscribe) ? 3 : 2;  // The length, and what quality is wanted.
    std::vector<std::string> out;
    for (std::size_t at = extent(packet)->first + 2; at < packet.size(); at += around + out.back().size())
        out.push_back(packet.substr(at + 2, number_at(packet, at)));
    return out;
}

}  // namespace edgesync::mqtt_session
