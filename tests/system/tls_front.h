// Ends TLS before a port on loopback, as the front of a platform does.
#pragma once

#include <atomic>
#include <memory>

#include "tests/system/certificate.h"
#include "tests/system/relay.h"

struct ssl_ctx_st;

namespace edgesync::system_test {

/// Thread-safe.
class TlsFront {
public:
    /// Shows `certificate` to everybody.
    TlsFront(const Certificate& certificate, int target_port);
    ~TlsFront();
    TlsFront(const TlsFront&) = delete;
    TlsFront& operator=(const TlsFront&) = delete;

    int port() const { return relay_.port(); }
    /// Handshakes that came to their end.
    int handshakes() const { return handshakes_; }
    /// Those that did not.
    int failures() const { return failures_; }

private:
    void pass(int client, int server);

    const std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
    std::atomic<int> handshakes_{0};
    std::atomic<int> failures_{0};
    Relay relay_;  ///< Ends before what it uses.
};

}  // namespace edgesync::system_test
