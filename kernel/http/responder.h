// The way back to a client, as handlers see it. Internal to this room.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel/http/connection.h"

namespace edgesync::http {

class Responder : public HttpResponder {
public:
    Responder(std::shared_ptr<Connection> connection, std::uint64_t request) : connection_(std::move(connection)), request_(request) {}
    ~Responder() override;
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;

    void send(HttpResponse response) override;
    void on_gone(std::function<void()> gone) override;

private:
    const std::shared_ptr<Connection> connection_;
    const std::uint64_t request_;
    std::atomic<bool> is_used_{false};
};

}  // namespace edgesync::http
