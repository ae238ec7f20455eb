// The service's one kind of HTTP server: limits, TLS, streaming, answers that come later.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/log.h"
#include "kernel/http/io_context.h"
#include "kernel/http/router.h"
#include "kernel/ops/worker_pool.h"

namespace edgesync::http {

struct ListenerOptions {
    std::string host = "localhost";  ///< Name or address; empty: all addresses. A name with several: IPv4 first.
    std::uint16_t port = 0;          ///< 0: any free one.
    std::string unix_path;           ///< Not empty: a Unix socket instead of TCP.
    unsigned unix_mode = 0600;

    bool is_tls = false;
    std::string certificate;  ///< PEM text, or the path of a PEM file; the chain may follow.
    std::string key;

    std::size_t max_connections = 4096;            ///< One more is answered 503 and closed.
    std::chrono::seconds header_timeout{60};       ///< For a whole head, however slowly it comes; 0: none. TLS: before it, 10 s at most.
    std::chrono::seconds keep_alive_timeout{120};  ///< Between requests.
    std::chrono::seconds body_timeout{60};         ///< Without progress of 1 KiB, in both directions.
    std::size_t window_bytes = 256 * 1024;         ///< Of a streamed body, at most 1 MiB; a transfer holds two.

    /// Whether to handle a request may block: then it runs on a worker. Asked on an I/O thread, with the head alone, before each of
    /// HttpHandler's calls; must not block itself. Null: never.
    std::function<bool(const HttpRequest&)> may_block;
    /// Problems that no answer shows. Called from any thread; null: dropped.
    std::function<void(LogLevel, std::string_view)> log;
};

struct ListenerCore;

/// Accepts connections and serves their requests by the router's handlers, one request of a connection after the other.
///
/// What it adds to an answer: status line, Date, Content-Length or Transfer-Encoding, Content-Type, Connection. What it answers itself:
/// 400 for a request that cannot be understood, 404 without handler (400 for a path with empty, '.' or '..' segments), 413 beyond
/// HttpHandler::body_limit, 414 and 431 for a line beyond 8 KiB or a head beyond 32 KiB, 501 for an unknown transfer coding, 503 when
/// connections or workers are used up, 500 for a dropped responder or an exception. HttpHandler::stream is asked for every request, also
/// one without a body. Thread-safe.
class Listener {
public:
    /// `io`, `router`, `workers` must outlive it. @throws Error{InvalidRequest} for a certificate or key that cannot be used.
    Listener(ListenerOptions options, Router& router, IoContext& io, ops::WorkerPool& workers);
    /// As `stop`.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// @throws Error{Io} "cannot listen on 127.0.0.1:8080: Address already in use".
    void start();
    /// The port in use; 0 for a Unix socket or before `start`.
    std::uint16_t port() const;
    /// "127.0.0.1:8080" or "unix:/run/x.sock", for logs.
    std::string address() const;
    bool is_tls() const;
    /// TLS: for connections accepted from now on. On failure the old pair stays. @throws Error{InvalidRequest}
    void reload_certificates(const std::string& certificate, const std::string& key);

    /// Accepts no more, closes idle connections, lets requests in progress finish; returns at once.
    void drain();
    /// True once no connection is left, and nothing of one is at work.
    bool wait_idle(std::chrono::milliseconds limit);
    /// Closes everything; parked clients count as gone. Waits at most `limit` for work in progress on the workers.
    void stop(std::chrono::milliseconds limit = std::chrono::seconds(5));

    std::size_t connections() const;

private:
    std::shared_ptr<ListenerCore> core_;
};

}  // namespace edgesync::http
