#include "handshake_guard.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {

struct HandshakeGuard::Entry {
    const std::string host;
    const std::uint16_t port;
    const std::shared_ptr<const BrokerTrust> trust;
    std::mutex mutex;
    std::string problem;  ///< Guarded by `mutex`.

    void note(const std::string& text) {
        const std::lock_guard lock(mutex);
        problem = text;
    }
};

namespace {

using Entry = HandshakeGuard::Entry;
using Entries = std::vector<std::shared_ptr<Entry>>;

struct Registry {
    std::mutex mutex;
    Entries entries;
};

Registry& registry() {
    // Handshakes may outlive the end of main's statics.
    static auto* const one = new Registry;
    return *one;
}

struct Peer {
    std::string address;
    std::uint16_t port = 0;
};

Peer peer_of(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (descriptor < 0 || ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    if (address.ss_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
        ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
        return {text.data(), ntohs(v4->sin_port)};
    }
    if (address.ss_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
        ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
        return {text.data(), ntohs(v6->sin6_port)};
    }
    return {};
}

std::string without_brackets(std::string host) {
    std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
    return host;
}

/// The guards of the broker that a client's handshake goes to; empty: it is not one of ours.
Entries guards_of(SSL* ssl, const Peer& peer) {
    if (ssl == nullptr || SSL_is_server(ssl) != 0) return {};
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return {};
    const std::string host = without_brackets(name);
    Entries out;
    const std::lock_guard lock(registry().mutex);
    for (const auto& entry : registry().entries) {
        if (entry->host == host && entry->port == peer.port) out.push_back(entry);
    }
    return out;
}

std::string problem_of(const Entry& entry, SSL* ssl, const Peer& peer, X509_STORE_CTX* shown) {
    if (SSL_version(ssl) < TLS1_2_VERSION) return "the broker offers nothing newer than TLS 1.1";
    if (!entry.trust->allows(peer.address)) return "the broker has the private address " + peer.address + ", and AllowPrivateIPs is false";
    const std::string problem = entry.trust->problem_of(shown, entry.host);
    return problem.empty() ? "" : "the broker's certificate is refused: " + problem;
}

int verify(X509_STORE_CTX* shown, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(shown, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const Peer peer = ssl == nullptr ? Peer{} : peer_of(SSL_get_fd(ssl));
    const Entries guards = guards_of(ssl, peer);
    if (guards.empty()) return X509_verify_cert(shown);
    for (const auto& entry : guards) {
        const std::string problem = problem_of(*entry, ssl, peer, shown);
        entry->note(problem);
        if (problem.empty()) continue;
        X509_STORE_CTX_set_error(shown, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509_STORE_CTX_set_error(shown, X509_V_OK);
    return 1;
}

/// Asked when a peer wants a certificate.
int identify(SSL* ssl, void*) {
    for (const auto& entry : guards_of(ssl, peer_of(SSL_get_fd(ssl)))) {
        if (entry->trust->identify(ssl)) break;
    }
    return 1;
}

std::atomic<bool> is_hooked{false};

void on_new_context(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
    auto* context = static_cast<SSL_CTX*>(parent);
    SSL_CTX_set_cert_verify_callback(context, verify, nullptr);
    SSL_CTX_set_cert_cb(context, identify, nullptr);
    is_hooked = true;
}

void hook() {
    static const bool works = [] {
        if (CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, on_new_context, nullptr, nullptr) < 0) return false;
        SSL_CTX_free(SSL_CTX_new(TLS_client_method()));
        return is_hooked.load();
    }();
    if (!works) throw Error(ErrorKind::Internal, "OpenSSL does not let the MQTT session verify its brokers");
}

}  // namespace

HandshakeGuard::HandshakeGuard(const std::string& host, std::uint16_t port, std::shared_ptr<const BrokerTrust> trust)
    : entry_(new Entry{without_brackets(host), port, std::move(trust), {}, {}}) {
    hook();
    const std::lock_guard lock(registry().mutex);
    registry().entries.push_back(entry_);
}

HandshakeGuard::~HandshakeGuard() {
    const std::lock_guard lock(registry().mutex);
    std::erase(registry().entries, entry_);
}

std::string HandshakeGuard::problem() const {
    const std::lock_guard lock(entry_->mutex);
    return entry_->problem;
}

}  // namespace edgesync::mqtt_session
