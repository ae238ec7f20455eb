// Sockets where libpq looks for those of a server.
#pragma once

#include <string>

namespace edgesync::postgres {

/// Where the socket of a server is, whose folder and port are given as in PostgresAddressCsv.
std::string socket_of(const std::string& address);
/// @throws std::runtime_error
int listen_at(const std::string& path);
/// A socket that is connected; -1: nobody listens. @throws std::runtime_error
int connect_to(const std::string& path);

}  // namespace edgesync::postgres
