// Sockets on loopback.
#pragma once

#include <string_view>

namespace edgesync::system_test {

/// A socket that is connected to a port on loopback, or -1.
int connect_on_loopback(int port);
/// A socket that listens on a free port on loopback, and that port. @throws std::runtime_error
int listen_on_loopback(int& port);
/// False: the connection is over.
bool send_all(int socket, std::string_view octets);

}  // namespace edgesync::system_test
