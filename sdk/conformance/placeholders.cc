#include "placeholders.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>

#include "options.h"

namespace edgesync::conformance {
namespace {

sockaddr_in on_loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

/// Short, of letters and digits only, and the same in every process.
std::string name_of_folder(const std::filesystem::path& folder) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const char c : folder.filename().string()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return "t" + std::to_string(hash);
}

bool is_free(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = on_loopback(port);
    const bool is_bound = fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (fd >= 0) ::close(fd);
    return is_bound;
}

/// Below those that the system gives to clients: one of these could be the other end of a connection when the server wants it, also when it
/// comes back after a while; and a client that asks for its server again and again may meet itself there.
int free_port() {
    constexpr int kFirst = 10'000;
    constexpr int kLast = 14'999;
    constexpr int kAttempts = 1000;
    std::random_device random;
    for (int i = 0; i < kAttempts; ++i) {
        const int port = std::uniform_int_distribution<int>(kFirst, kLast)(random);
        if (is_free(port)) return port;
    }
    throw std::runtime_error("there is no free port on 127.0.0.1");
}

/// What stands between the braces; nullopt: nothing that is known, so that it stays as it is.
std::optional<std::string> meaning_of(const std::string& word, const Place& place) {
    if (word == "folder") return place.folder.string();
    if (word == "shared") return options().shared.empty() ? place.folder.string() : options().shared.string();
    if (word == "test") return name_of_folder(place.folder);
    if (word == "org") return place.node.org;
    if (word == "type") return place.node.type;
    if (word == "id") return place.node.id;
    if (word == "port") return std::to_string(port_of(""));
    if (word.starts_with("port:")) return std::to_string(port_of(word.substr(5)));
    return std::nullopt;
}

}  // namespace

std::string fill_in(std::string text, const Place& place) {
    for (std::size_t begin = 0; (begin = text.find('{', begin)) != std::string::npos;) {
        const std::size_t end = text.find('}', begin);
        if (end == std::string::npos) break;
        const auto meaning = meaning_of(text.substr(begin + 1, end - begin - 1), place);
        if (meaning) text.replace(begin, end - begin + 1, *meaning);
        begin += meaning ? meaning->size() : 1;
    }
    return text;
}

int port_of(const std::string& name) {
    auto& ports = options().ports;
    if (const auto found = ports.find(name); found != ports.end()) return found->second;
    const auto is_given = [&](int port) {
        return std::any_of(ports.begin(), ports.end(), [&](const auto& one) { return one.second == port; });
    };
    int port = free_port();
    while (is_given(port)) port = free_port();
    return ports[name] = port;
}

bool is_listening(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = on_loopback(port);
    const bool is_open = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (fd >= 0) ::close(fd);
    return is_open;
}

}  // namespace edgesync::conformance
