// What a transport plugin mounts on the kernel's listeners, behind the watch of its other calls.
#pragma once

#include <memory>

#include "edgesync/sdk/http.h"
#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {

/// As thread-safe as the handler. Both arguments outlive it.
class WatchedHandler final : public HttpHandler {
public:
    WatchedHandler(HttpHandler& handler, CallWatch& watch) : handler_(handler), watch_(watch) {}

    std::int64_t body_limit(const HttpRequest& request) const override;
    std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) override;
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

private:
    HttpHandler& handler_;
    CallWatch& watch_;
};

}  // namespace edgesync::plugins
