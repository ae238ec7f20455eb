// What a listener's connections share. Internal to this room.
#pragma once

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kernel/http/event_loop.h"
#include "kernel/http/listener.h"
#include "kernel/http/tls_context.h"

namespace edgesync::http {

struct ListenerCore : std::enable_shared_from_this<ListenerCore> {
    ListenerCore(ListenerOptions options_in, Router& router_in, IoContext& io_in, ops::WorkerPool& workers_in)
        : options(std::move(options_in)), router(router_in), io(io_in), workers(workers_in) {}

    void log(LogLevel level, std::string_view text) const {
        if (options.log) options.log(level, text);
    }
    std::shared_ptr<TlsContext> tls_context() const {
        const std::lock_guard lock(mutex);
        return tls;
    }
    /// A connection is about to begin; false: there are too many.
    bool enter();
    void leave();
    /// Hands work to the workers that its connection may not wait for; `stop` does. False: all are taken.
    bool post(std::function<void()> work);

    void start_accepting(UniqueFd socket);
    void stop_accepting();
    void arm_accept();
    void accept_ready();
    void give(UniqueFd socket, std::string peer);
    void refuse(const UniqueFd& socket) const;

    const ListenerOptions options;
    Router& router;
    IoContext& io;
    ops::WorkerPool& workers;

    std::atomic<bool> is_draining{false};

    mutable std::mutex mutex;
    std::condition_variable something_ended;
    std::size_t connections = 0;
    std::size_t posted = 0;  ///< Of `post`, not done yet.
    std::shared_ptr<TlsContext> tls;
    std::string address;
    std::uint16_t port = 0;

    // The loop that accepts.
    std::shared_ptr<EventLoop> accept_loop;
    std::optional<asio::posix::stream_descriptor> acceptor;
    bool was_short_of_descriptors = false;
};

}  // namespace edgesync::http
