#include "tests/system/tls_front.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <stdexcept>
#include <string>

#include "tests/system/loopback.h"

namespace edgesync::system_test {
namespace {

using Connection = std::unique_ptr<SSL, void (*)(SSL*)>;
using Octets = std::array<char, 16384>;  // A record has no more.

void use(SSL_CTX* context, const Certificate& certificate) {
    const auto read = [](const std::string& pem, auto parse) {
        const std::unique_ptr<BIO, int (*)(BIO*)> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
        return parse(source.get(), nullptr, nullptr, nullptr);
    };
    const std::unique_ptr<X509, void (*)(X509*)> shown(read(certificate.certificate, PEM_read_bio_X509), X509_free);
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(read(certificate.key, PEM_read_bio_PrivateKey), EVP_PKEY_free);
    if (SSL_CTX_use_certificate(context, shown.get()) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
        throw std::runtime_error("the certificate cannot be used");
    }
}

/// False: the connection is over.
bool pass_up(SSL* client, int server) {
    Octets octets;
    do {
        const int count = SSL_read(client, octets.data(), static_cast<int>(octets.size()));
        // What came may have been a message of TLS itself.
        if (count <= 0) return SSL_get_error(client, count) == SSL_ERROR_WANT_READ;
        if (!send_all(server, {octets.data(), static_cast<std::size_t>(count)})) return false;
    } while (SSL_pending(client) > 0);
    return true;
}

bool pass_down(int server, SSL* client) {
    Octets octets;
    const ssize_t count = ::recv(server, octets.data(), octets.size(), 0);
    return count > 0 && SSL_write(client, octets.data(), static_cast<int>(count)) == count;
}

}  // namespace

TlsFront::TlsFront(const Certificate& certificate, int target_port)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
      relay_(target_port, [this](int client, int server) { pass(client, server); }) {
    SSL_CTX_clear_mode(context_.get(), SSL_MODE_AUTO_RETRY);
    use(context_.get(), certificate);
}

TlsFront::~TlsFront() = default;

// One thread for both ways: a connection of OpenSSL is not for two.
void TlsFront::pass(int client, int server) {
    // OpenSSL writes without MSG_NOSIGNAL.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const Connection tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), client);
    if (SSL_accept(tls.get()) != 1) {
        ++failures_;
        return;
    }
    ++handshakes_;
    for (bool is_open = true; is_open;) {
        std::array<pollfd, 2> waiting{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0) return;
        if (waiting[0].revents != 0) is_open = pass_up(tls.get(), server);
        if (is_open && waiting[1].revents != 0) is_open = pass_down(server, tls.get());
    }
}

}  // namespace edgesync::system_test
