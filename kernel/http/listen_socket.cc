#include "kernel/http/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "edgesync/sdk/error.h"

namespace edgesync::http {
namespace {

struct AddressesFree {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

[[noreturn]] void fail(const std::string& where, const std::string& reason) {
    throw Error(ErrorKind::Io, "cannot listen on " + where + ": " + reason);
}

std::string with_port(std::string_view host, bool is_v6, unsigned port) {
    std::string text;
    if (is_v6) text += '[';
    text += host;
    if (is_v6) text += ']';
    return text.append(1, ':').append(std::to_string(port));
}

std::string wanted_text(const ListenerOptions& options) {
    return with_port(options.host, options.host.find(':') != std::string::npos, options.port);
}

/// 0, or the error number.
int bind_and_listen(int socket, const sockaddr* address, socklen_t size) {
    return ::bind(socket, address, size) == 0 && ::listen(socket, SOMAXCONN) == 0 ? 0 : errno;
}

UniqueFd open_tcp(const addrinfo& info, int& error) {
    UniqueFd socket(::socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = errno;
    if (socket.get() < 0) return {};
    const int on = 1;
    const int off = 0;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Accepted sockets inherit it.
    if (info.ai_family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    error = bind_and_listen(socket.get(), info.ai_addr, info.ai_addrlen);
    return error == 0 ? std::move(socket) : UniqueFd{};
}

ListenSocket open_tcp(const ListenerOptions& options) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const std::string port = std::to_string(options.port);
    const int failure = ::getaddrinfo(options.host.empty() ? nullptr : options.host.c_str(), port.c_str(), &hints, &list);
    if (failure != 0) fail(wanted_text(options), ::gai_strerror(failure));
    const std::unique_ptr<addrinfo, AddressesFree> addresses(list);
    // All addresses: IPv6 first, whose socket also takes IPv4. A name: IPv4 first, as clients try it.
    const int first = options.host.empty() ? AF_INET6 : AF_INET;
    int error = EADDRNOTAVAIL;
    for (const bool is_first_family : {true, false}) {
        for (const addrinfo* info = list; info; info = info->ai_next) {
            if ((info->ai_family == first) != is_first_family) continue;
            UniqueFd socket = open_tcp(*info, error);
            if (socket.get() < 0) {
                if (error == EADDRINUSE || error == EACCES) fail(wanted_text(options), std::strerror(error));
                continue;
            }
            sockaddr_storage bound{};
            socklen_t size = sizeof bound;
            ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
            const auto* any = reinterpret_cast<const sockaddr_in*>(&bound);  // The port has the same place in both families.
            return {std::move(socket), peer_text(&bound, size), ntohs(any->sin_port)};
        }
    }
    fail(wanted_text(options), std::strerror(error));
}

bool is_served(const sockaddr_un& address) {
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (probe.get() < 0) return false;
    // A full backlog is somebody, too.
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
}

ListenSocket open_unix(const ListenerOptions& options) {
    const std::string where = "unix:" + options.unix_path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options.unix_path.size() >= sizeof address.sun_path) fail(where, "the path is longer than 107 octets");
    std::memcpy(address.sun_path, options.unix_path.c_str(), options.unix_path.size() + 1);
    struct stat status {};
    if (::lstat(options.unix_path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) fail(where, "it exists and is not a socket; remove it or choose another path");
        if (is_served(address)) fail(where, std::strerror(EADDRINUSE));
        ::unlink(options.unix_path.c_str());
    }
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) fail(where, std::strerror(errno));
    // Nobody may connect between bind and chmod.
    const mode_t old_mask = ::umask(0177);
    const int error = bind_and_listen(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::umask(old_mask);
    if (error != 0) fail(where, std::strerror(error));
    if (::chmod(options.unix_path.c_str(), options.unix_mode) != 0) fail(where, std::strerror(errno));
    return {std::move(socket), where, 0};
}

}  // namespace

ListenSocket open_listen_socket(const ListenerOptions& options) {
    return options.unix_path.empty() ? open_tcp(options) : open_unix(options);
}

std::string peer_text(const void* address, std::size_t size) {
    const auto family = size >= sizeof(sa_family_t) ? static_cast<const sockaddr*>(address)->sa_family : sa_family_t{AF_UNSPEC};
    char text[INET6_ADDRSTRLEN] = "";
    if (family == AF_INET) {
        const auto* v4 = static_cast<const sockaddr_in*>(address);
        ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        return with_port(text, false, ntohs(v4->sin_port));
    }
    if (family == AF_INET6) {
        const auto* v6 = static_cast<const sockaddr_in6*>(address);
        ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        return with_port(text, true, ntohs(v6->sin6_port));
    }
    return "unix";
}

}  // namespace edgesync::http
