#include "tests/conformance/http_environment.h"

#include "tests/system/sandbox.h"

namespace edgesync::conformance {

HttpEnvironment::Server::Server() : port(system_test::free_port()) { io.start(); }

HttpEnvironment::Server::~Server() {
    if (listener) listener->stop();
    workers.stop();
    io.stop();
}

void HttpEnvironment::begin(const std::filesystem::path&) {
    server_ = std::make_unique<Server>();
    proxy_ = std::make_unique<system_test::Proxy>(server_->port);
}

void HttpEnvironment::end() {
    proxy_.reset();
    server_.reset();
}

PlainSettings::Values HttpEnvironment::settings(NodeRole role, const NodeKey&) {
    if (role == NodeRole::Css) return {};
    return {{"HTTPCSSHost", "127.0.0.1"},
            {"HTTPCSSPort", std::to_string(proxy_->port())},
            {"HTTPCSSUseSSL", "false"},
            {"HTTPCSSCACertificate", ""},
            {"HTTPCSSPinnedCertFingerprints", ""},
            {"AllowPrivateIPs", "true"},
            {"HTTPPollingInterval", "1"},
            {"HTTPESSClientTimeout", "5"},
            {"HTTPESSObjClientTimeout", "20"},
            {"ESSCallSPIRetryInterval", "1"},
            {"HTTPPush", "true"},
            {"HTTPMaxWait", "30"}};
}

void HttpEnvironment::open() {
    http::ListenerOptions options;
    options.host = "127.0.0.1";
    options.port = static_cast<std::uint16_t>(server_->port);
    options.body_timeout = std::chrono::seconds(5);
    // A host of the suite may block, as a store may.
    options.may_block = [](const HttpRequest&) { return true; };
    server_->listener = std::make_unique<http::Listener>(std::move(options), server_->router, server_->io, server_->workers);
    server_->listener->start();
}

void HttpEnvironment::close() {
    if (!server_->listener) return;
    server_->listener->drain();
    server_->listener->stop();
    server_->listener.reset();
}

void HttpEnvironment::restore() {
    proxy_->restore();
    proxy_->thaw();
}

bool HttpEnvironment::silence() {
    proxy_->freeze();
    return true;
}

}  // namespace edgesync::conformance
