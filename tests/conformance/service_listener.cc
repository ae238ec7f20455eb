#include "service_listener.h"

#include "kernel/http/listener.h"

namespace edgesync::conformance {
namespace {

class ServiceListener : public HttpMount {
public:
    explicit ServiceListener(int port) : port_(port) { io_.start(); }
    ~ServiceListener() override {
        if (listener_) listener_->stop();
        workers_.stop();
        io_.stop();
    }
    ServiceListener(const ServiceListener&) = delete;
    ServiceListener& operator=(const ServiceListener&) = delete;

    void mount(const std::string& prefix, HttpHandler& handler) override { router_.mount(prefix, handler); }
    void open() override {
        http::ListenerOptions options;
        options.host = "127.0.0.1";
        options.port = static_cast<std::uint16_t>(port_);
        options.body_timeout = std::chrono::seconds(5);
        // A host of the suite may block, as a store may.
        options.may_block = [](const HttpRequest&) { return true; };
        listener_ = std::make_unique<http::Listener>(std::move(options), router_, io_, workers_);
        listener_->start();
    }
    void close() override {
        if (!listener_) return;
        listener_->drain();
        // The plugin and its host are gone next, so nothing may be at work any more, however slow the machine is.
        listener_->stop(std::chrono::minutes(1));
        listener_.reset();
    }

private:
    const int port_;
    // Their order is that of their ends.
    http::Router router_;
    http::IoContext io_{2};
    ops::WorkerPool workers_;
    std::unique_ptr<http::Listener> listener_;
};

}  // namespace

std::unique_ptr<HttpMount> service_listener(int port) { return std::make_unique<ServiceListener>(port); }

}  // namespace edgesync::conformance
