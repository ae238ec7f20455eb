#include "tests/bench/mqtt_line.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace edgesync::bench {
namespace {

constexpr char kConnect = 0x10;
constexpr unsigned char kConnectAnswer = 0x20;
constexpr unsigned char kPublish = 0x30;
constexpr char kSubscribe = static_cast<char>(0x82);
constexpr unsigned char kSubscribeAnswer = 0x90;
constexpr std::size_t kReadSize = 16 * 1024;

void append_field(std::string& out, std::string_view text) {
    out.push_back(static_cast<char>(text.size() >> 8U));
    out.push_back(static_cast<char>(text.size() & 0xffU));
    out.append(text);
}

void append_head(std::string& out, char type, std::size_t length) {
    out.push_back(type);
    do {
        const auto digit = static_cast<unsigned char>(length % 128);
        length /= 128;
        out.push_back(static_cast<char>(length > 0 ? digit | 0x80U : digit));
    } while (length > 0);
}

std::string packet(char type, const std::string& body) {
    std::string out;
    append_head(out, type, body.size());
    return out + body;
}

}  // namespace

MqttLine::MqttLine(std::uint16_t port, const std::string& client_id, const std::string& filter) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int no_delay = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) throw std::runtime_error("There is no broker");
    std::string body;
    append_field(body, "MQTT");
    body.append("\x04\x02\x00\x00", 4);  // Version, clean session, no keep-alive.
    append_field(body, client_id);
    send_all(packet(kConnect, body));
    expect_answer(kConnectAnswer, 4, 1);
    if (!filter.empty()) {
        body.assign("\x00\x01", 2);
        append_field(body, filter);
        send_all(packet(kSubscribe, body + '\0'));
        expect_answer(kSubscribeAnswer, 5, 0x80);
    }
}

MqttLine::~MqttLine() { ::close(socket_); }

void MqttLine::send_all(std::string_view octets) const {
    if (::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(octets.size()))
        throw std::runtime_error("The broker ended a connection");
}

void MqttLine::expect_answer(unsigned char type, std::size_t octets, unsigned char refused_from) const {
    std::array<unsigned char, 8> answer{};
    const auto count = ::recv(socket_, answer.data(), octets, MSG_WAITALL);
    if (count != static_cast<ssize_t>(octets) || answer[0] != type || answer[octets - 1] >= refused_from)
        throw std::runtime_error("The broker refuses a connection");
}

void MqttLine::publish(std::string_view topic, std::string_view head, std::string_view octets) {
    append_head(out_, kPublish, 2 + topic.size() + head.size() + octets.size());
    append_field(out_, topic);
    out_.append(head).append(octets);
}

bool MqttLine::write() {
    while (written_ < out_.size()) {
        const auto count = ::send(socket_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) return false;
        if (count <= 0) throw std::runtime_error("The broker ended a connection");
        written_ += static_cast<std::size_t>(count);
    }
    out_.clear();
    written_ = 0;
    return true;
}

void MqttLine::read(const std::function<void(std::string_view)>& take) {
    if (begin_ > 0 && (begin_ == end_ || end_ + kReadSize > in_.size())) {
        std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (in_.size() < end_ + kReadSize || in_.size() < wanted_) in_.resize(std::max(wanted_, end_ + kReadSize));
    const auto count = ::recv(socket_, in_.data() + end_, in_.size() - end_, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) throw std::runtime_error("The broker ended a connection");
    end_ += static_cast<std::size_t>(count);
    while (take_packet(take)) {
    }
}

bool MqttLine::take_packet(const std::function<void(std::string_view)>& take) {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(in_[begin_ + at]); };
    std::size_t length = 0;
    std::size_t head = 1;
    for (unsigned shift = 0;; shift += 7, ++head) {
        if (begin_ + head >= end_) return false;
        length |= static_cast<std::size_t>(octet(head) & 0x7fU) << shift;
        if ((octet(head) & 0x80U) == 0) break;
    }
    ++head;
    wanted_ = head + length;
    if (end_ - begin_ < wanted_) return false;
    if ((octet(0) & 0xf0U) == kPublish) {
        const std::size_t topic = static_cast<std::size_t>(octet(head)) << 8U | octet(head + 1);
        take(std::string_view(in_).substr(begin_ + head + 2 + topic, length - 2 - topic));
    }
    begin_ += wanted_;
    wanted_ = 0;
    return true;
}

MqttLines::MqttLines() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

MqttLines::~MqttLines() { ::close(epoll_); }

void MqttLines::add(const MqttLine& line, std::uint32_t index) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, line.socket(), &event);
}

void MqttLines::set_waits_to_write(const MqttLine& line, std::uint32_t index, bool waits) {
    epoll_event event{};
    event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u32 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, line.socket(), &event);
}

bool MqttLines::wait(int milliseconds, const std::function<void(std::uint32_t, bool, bool)>& ready) {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds);
    for (int i = 0; i < count; ++i) {
        const auto& event = events.at(static_cast<std::size_t>(i));
        ready(event.data.u32, (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0, (event.events & EPOLLOUT) != 0);
    }
    return count > 0;
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace edgesync::bench
