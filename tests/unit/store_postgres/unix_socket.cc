#include "tests/unit/store_postgres/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

namespace edgesync::postgres {
namespace {

constexpr int kMostWaiting = 64;

sockaddr_un socket_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("the path of the socket is too long: " + path);
    path.copy(address.sun_path, path.size());
    return address;
}

int new_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

}  // namespace

std::string socket_of(const std::string& address) {
    const auto colon = address.rfind(':');
    return address.substr(0, colon) + "/.s.PGSQL." + address.substr(colon + 1);
}

int listen_at(const std::string& path) {
    const int listener = new_socket();
    const sockaddr_un address = socket_at(path);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 && ::listen(listener, kMostWaiting) == 0)
        return listener;
    ::close(listener);
    throw std::runtime_error("cannot listen at " + path);
}

int connect_to(const std::string& path) {
    const int connected = new_socket();
    const sockaddr_un address = socket_at(path);
    if (::connect(connected, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return connected;
    ::close(connected);
    return -1;
}

}  // namespace edgesync::postgres
