// Opens the socket that a listener accepts from. Internal to this room.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/http/byte_stream.h"
#include "kernel/http/listener.h"

namespace edgesync::http {

struct ListenSocket {
    UniqueFd socket;      ///< Non-blocking.
    std::string address;  ///< "127.0.0.1:8080" or "unix:/run/x.sock".
    std::uint16_t port = 0;
};

/// @throws Error{Io} one line for the operator. A Unix path that exists is removed only if it is a socket that nobody serves.
ListenSocket open_listen_socket(const ListenerOptions& options);

/// "127.0.0.1:5000", "[::1]:5000" or "unix".
std::string peer_text(const void* address, std::size_t size);

}  // namespace edgesync::http
