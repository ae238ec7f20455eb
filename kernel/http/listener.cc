#include "kernel/http/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "kernel/http/connection.h"
#include "kernel/http/listen_socket.h"
#include "kernel/http/listener_core.h"

namespace edgesync::http {
namespace {

/// Connections taken in one go, so that those which exist get their turn.
constexpr int kAcceptBurst = 64;
constexpr std::chrono::milliseconds kDescriptorPause{100};
constexpr int kUnreadPieces = 8;

}  // namespace

bool ListenerCore::enter() {
    const std::lock_guard lock(mutex);
    if (connections >= options.max_connections) return false;
    ++connections;
    return true;
}

void ListenerCore::leave() {
    const std::lock_guard lock(mutex);
    --connections;
    something_ended.notify_all();
}

bool ListenerCore::post(std::function<void()> work) {
    // Counts as long as it is there; the last of all that the work holds, which may be the handler's.
    struct Posted {
        explicit Posted(std::shared_ptr<ListenerCore> core_in) : core(std::move(core_in)) {
            const std::lock_guard lock(core->mutex);
            ++core->posted;
        }
        Posted(const Posted&) = delete;
        Posted& operator=(const Posted&) = delete;
        ~Posted() {
            work = nullptr;
            const std::lock_guard lock(core->mutex);
            --core->posted;
            core->something_ended.notify_all();
        }
        std::function<void()> work;
        const std::shared_ptr<ListenerCore> core;
    };
    const auto job = std::make_shared<Posted>(shared_from_this());
    job->work = std::move(work);
    return workers.try_post([job] { job->work(); });
}

void ListenerCore::start_accepting(UniqueFd socket) {
    accept_loop = io.loops().front();
    accept_loop->run_and_wait([&] {
        acceptor.emplace(accept_loop->io(), socket.release());
        arm_accept();
    });
}

void ListenerCore::stop_accepting() {
    if (!accept_loop) return;
    accept_loop->run_and_wait([&] {
        if (!acceptor) return;
        acceptor.reset();
        if (!options.unix_path.empty()) ::unlink(options.unix_path.c_str());
    });
}

void ListenerCore::arm_accept() {
    acceptor->async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && self->acceptor) self->accept_ready();
    });
}

void ListenerCore::accept_ready() {
    for (int i = 0; i < kAcceptBurst; ++i) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        UniqueFd socket(::accept4(acceptor->native_handle(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket.get() >= 0) {
            was_short_of_descriptors = false;
            give(std::move(socket), peer_text(&peer, size));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        // Out of descriptors or memory: the connection stays in the backlog; look again when some have been freed.
        if (!was_short_of_descriptors) log(LogLevel::Error, "cannot accept on " + address + ": " + std::strerror(errno));
        was_short_of_descriptors = true;
        accept_loop->run_after(kDescriptorPause, [self = shared_from_this()] {
            if (self->acceptor) self->arm_accept();
        });
        return;
    }
    arm_accept();
}

void ListenerCore::give(UniqueFd socket, std::string peer) {
    SslPtr ssl;
    if (const auto context = tls_context()) {
        ssl = context->make_session();
        if (!ssl) return;
    }
    if (!enter()) return refuse(socket);
    const auto& loops = io.loops();
    const auto& loop = *std::min_element(loops.begin(), loops.end(), [](const auto& a, const auto& b) { return a->load < b->load; });
    ++loop->load;
    auto connection = std::make_shared<Connection>(shared_from_this(), loop, std::move(socket), std::move(ssl), std::move(peer));
    if (loop->is_current()) return connection->start();
    loop->post([connection = std::move(connection)] { connection->start(); });
}

void ListenerCore::refuse(const UniqueFd& socket) const {
    static constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
    if (options.is_tls) return;
    ::send(socket.get(), kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(socket.get(), SHUT_WR);
    // Closing a socket with unread octets resets the connection, and the client might not see the answer.
    std::array<char, 16 * 1024> unread;
    for (int i = 0; i<kUnreadPieces&& ::recv(socket.get(), unread.data(), unread.size(), MSG_DONTWAIT)> 0; ++i) {
    }
}

Listener::Listener(ListenerOptions options, Router& router, IoContext& io, ops::WorkerPool& workers) {
    options.window_bytes = std::clamp<std::size_t>(options.window_bytes, 4096, 1024 * 1024);
    core_ = std::make_shared<ListenerCore>(std::move(options), router, io, workers);
    if (core_->options.is_tls) core_->tls = std::make_shared<TlsContext>(core_->options.certificate, core_->options.key);
}

Listener::~Listener() { stop(); }

void Listener::start() {
    ListenSocket opened = open_listen_socket(core_->options);
    {
        const std::lock_guard lock(core_->mutex);
        core_->address = opened.address;
        core_->port = opened.port;
    }
    core_->start_accepting(std::move(opened.socket));
}

std::uint16_t Listener::port() const {
    const std::lock_guard lock(core_->mutex);
    return core_->port;
}

std::string Listener::address() const {
    const std::lock_guard lock(core_->mutex);
    return core_->address;
}

bool Listener::is_tls() const { return core_->options.is_tls; }

void Listener::reload_certificates(const std::string& certificate, const std::string& key) {
    auto fresh = std::make_shared<TlsContext>(certificate, key);
    const std::lock_guard lock(core_->mutex);
    core_->tls.swap(fresh);
}

namespace {

void raise_in_all(ListenerCore& core, unsigned event) {
    for (const auto& loop : core.io.loops()) {
        loop->run_and_wait([&] {
            loop->for_each([&](Connection& connection) {
                if (connection.belongs_to(core)) connection.raise(event);
            });
        });
    }
}

}  // namespace

void Listener::drain() {
    core_->is_draining = true;
    core_->stop_accepting();
    raise_in_all(*core_, kDraining);
}

bool Listener::wait_idle(std::chrono::milliseconds limit) {
    std::unique_lock lock(core_->mutex);
    return core_->something_ended.wait_for(lock, limit, [this] { return core_->connections == 0 && core_->posted == 0; });
}

void Listener::stop(std::chrono::milliseconds limit) {
    core_->is_draining = true;
    core_->stop_accepting();
    raise_in_all(*core_, kStopping);
    if (wait_idle(limit)) return;
    std::size_t at_work = 0;
    {
        const std::lock_guard lock(core_->mutex);
        at_work = std::max(core_->connections, core_->posted);
    }
    core_->log(LogLevel::Warning, "stopped " + core_->address + " with " + std::to_string(at_work) + " requests still at work");
}

std::size_t Listener::connections() const {
    const std::lock_guard lock(core_->mutex);
    return core_->connections;
}

}  // namespace edgesync::http
