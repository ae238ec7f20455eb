#include "tests/system/two_networks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace edgesync::system_test {
namespace {

constexpr char kLine[] = "line";
constexpr char kRightAddress[] = "10.213.0.2";
constexpr int kLargestPacket = 1400;
/// What a line keeps at most; more is lost, as in a router.
constexpr std::size_t kMostOnTheWay = 4096;

void require(bool is_done, const std::string& what) {
    if (!is_done) throw std::runtime_error(what + ": " + std::strerror(errno));
}

int current_namespace() {
    const int name_space = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    require(name_space >= 0, "The thread's network namespace cannot be opened");
    return name_space;
}

ifreq request_for(const char* device) {
    ifreq request{};
    std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    return request;
}

void set_address(int socket, unsigned long what, const char* address) {
    ifreq request = request_for(kLine);
    sockaddr_in value{};
    value.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &value.sin_addr);
    std::memcpy(&request.ifr_addr, &value, sizeof value);
    require(::ioctl(socket, what, &request) == 0, "The line's end cannot be given an address");
}

void switch_on(int socket, const char* device) {
    ifreq request = request_for(device);
    require(::ioctl(socket, SIOCGIFFLAGS, &request) == 0, std::string("There is no ") + device);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
    require(::ioctl(socket, SIOCSIFFLAGS, &request) == 0, std::string("Cannot switch on ") + device);
}

/// One end of the line, in the namespace of the thread.
int make_device(const char* address) {
    const int device = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    require(device >= 0, "/dev/net/tun cannot be opened");
    ifreq request = request_for(kLine);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    require(::ioctl(device, TUNSETIFF, &request) == 0, "A TUN device cannot be made");
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    switch_on(socket, "lo");
    set_address(socket, SIOCSIFADDR, address);
    set_address(socket, SIOCSIFNETMASK, "255.255.255.252");
    request = request_for(kLine);
    request.ifr_mtu = kLargestPacket;
    require(::ioctl(socket, SIOCSIFMTU, &request) == 0, "The size of packets cannot be set");
    switch_on(socket, kLine);
    ::close(socket);
    return device;
}

}  // namespace

TwoNetworks::Stay::Stay(int name_space) : before_(current_namespace()) {
    require(::setns(name_space, CLONE_NEWNET) == 0, "A network namespace cannot be entered");
}

TwoNetworks::Stay::~Stay() {
    ::setns(before_, CLONE_NEWNET);
    ::close(before_);
}

std::string TwoNetworks::obstacle() {
    try {
        const TwoNetworks probe({});
        return {};
    } catch (const std::exception& error) {
        return error.what();
    }
}

TwoNetworks::Network TwoNetworks::make_network(const char* address) {
    const int before = current_namespace();
    Network network;
    std::string problem;
    try {
        require(::unshare(CLONE_NEWNET) == 0, "A network namespace cannot be made");
        network.name_space = current_namespace();
        network.device = make_device(address);
    } catch (const std::exception& error) {
        problem = error.what();
    }
    ::setns(before, CLONE_NEWNET);
    ::close(before);
    if (problem.empty()) return network;
    close_network(network);
    throw std::runtime_error(problem);
}

void TwoNetworks::close_network(const Network& network) {
    if (network.device >= 0) ::close(network.device);
    if (network.name_space >= 0) ::close(network.name_space);
}

TwoNetworks::TwoNetworks(LineQuality quality) : quality_(quality), left_(make_network(left_address())) {
    try {
        right_ = make_network(kRightAddress);
    } catch (...) {
        close_network(left_);
        throw;
    }
    carrier_ = std::thread([this] { carry(); });
}

TwoNetworks::~TwoNetworks() {
    is_stopped_ = true;
    carrier_.join();
    close_network(left_);
    close_network(right_);
}

std::unique_ptr<TwoNetworks::Stay> TwoNetworks::enter(Side side) const {
    return std::make_unique<Stay>(side == Side::Left ? left_.name_space : right_.name_space);
}

void TwoNetworks::carry() {
    while (!is_stopped_) {
        const auto next = std::min(deliver(left_, right_), deliver(right_, left_));
        const auto pause = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
        std::array<pollfd, 2> waiting{{{left_.device, POLLIN, 0}, {right_.device, POLLIN, 0}}};
        ::poll(waiting.data(), waiting.size(), static_cast<int>(std::clamp<long long>(pause.count(), 0, 50)));
        if (waiting[0].revents != 0) take(left_);
        if (waiting[1].revents != 0) take(right_);
    }
}

void TwoNetworks::take(Network& from) {
    std::array<char, 65536> octets;
    ssize_t size = 0;
    while ((size = ::read(from.device, octets.data(), octets.size())) > 0) {
        const bool is_lost = std::uniform_real_distribution<>(0, 1)(random_) < quality_.lost;
        if (is_lost || from.to_other.size() >= kMostOnTheWay) {
            ++lost_;
            continue;
        }
        from.to_other.push_back({Clock::now() + quality_.delay, std::string(octets.data(), static_cast<std::size_t>(size))});
    }
}

TwoNetworks::Clock::time_point TwoNetworks::deliver(Network& from, const Network& to) {
    const auto now = Clock::now();
    while (!from.to_other.empty() && from.to_other.front().due <= now) {
        const std::string& octets = from.to_other.front().octets;
        if (::write(to.device, octets.data(), octets.size()) > 0) ++carried_;
        from.to_other.pop_front();
    }
    return from.to_other.empty() ? now + std::chrono::hours(1) : from.to_other.front().due;
}

}  // namespace edgesync::system_test
