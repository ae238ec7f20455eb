#include "broker_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace edgesync::mqtt_session {
namespace {

bool goes_to(int descriptor, std::uint16_t port) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
    if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port) == port;
    if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port) == port;
    return false;
}

/// What is new does not.
bool sends_at_once(int descriptor) {
    int value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &size) != 0 || value != 0;
}

}  // namespace

BrokerSocket::BrokerSocket(std::uint16_t port) {
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().string();
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        if (!goes_to(descriptor, port) || sends_at_once(descriptor)) continue;
        const int yes = 1;
        if (::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0) descriptor_ = descriptor;
        return;
    }
}

void BrokerSocket::acknowledge() const noexcept {
    const int yes = 1;
    if (descriptor_ >= 0) (void)::setsockopt(descriptor_, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
}

}  // namespace edgesync::mqtt_session
