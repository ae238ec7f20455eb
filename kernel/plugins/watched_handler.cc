#include "kernel/plugins/watched_handler.h"

namespace edgesync::plugins {
namespace {

constexpr char kBody[] = "taking a request's body";

class WatchedBodySink final : public HttpBodySink {
public:
    WatchedBodySink(std::unique_ptr<HttpBodySink> sink, CallWatch& watch) : sink_(std::move(sink)), watch_(watch) {}

    bool start() override {
        return watched(watch_, kBody, [&] { return sink_->start(); });
    }
    bool write(std::span<const std::byte> window) override {
        return watched(watch_, kBody, [&] { return sink_->write(window); });
    }
    void finish() override {
        watched(watch_, kBody, [&] { sink_->finish(); });
    }
    void abort() noexcept override {
        const CallWatch::Running running(watch_, kBody);
        sink_->abort();
    }

private:
    std::unique_ptr<HttpBodySink> sink_;
    CallWatch& watch_;
};

}  // namespace

std::int64_t WatchedHandler::body_limit(const HttpRequest& request) const {
    return watched(watch_, "body_limit", [&] { return handler_.body_limit(request); });
}

std::unique_ptr<HttpBodySink> WatchedHandler::stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    auto sink = watched(watch_, "stream", [&] { return handler_.stream(request, responder); });
    return sink ? std::make_unique<WatchedBodySink>(std::move(sink), watch_) : nullptr;
}

void WatchedHandler::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    watched(watch_, "handle", [&] { handler_.handle(std::move(request), std::move(responder)); });
}

}  // namespace edgesync::plugins
