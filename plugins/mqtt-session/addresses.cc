#include "addresses.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/network_guard.h"

namespace edgesync::mqtt_session {

std::vector<std::string> addresses_of(const std::string& host) {
    if (is_numeric_address(host)) return {host};
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (code != 0) throw Error(ErrorKind::NotConnected, "the name " + host + " has no address: " + ::gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    std::vector<std::string> out;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        const int flags = NI_NUMERICHOST;
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, flags) != 0) continue;
        if (std::find(out.begin(), out.end(), text.data()) == out.end()) out.emplace_back(text.data());
    }
    if (out.empty()) throw Error(ErrorKind::NotConnected, "the name " + host + " has no address");
    return out;
}

}  // namespace edgesync::mqtt_session
