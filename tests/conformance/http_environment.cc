#include "tests/conformance/http_environment.h"

#include "tests/system/sandbox.h"

namespace edgesync::conformance {

void HttpEnvironment::begin(const std::filesystem::path&) {
    const int port = system_test::free_port();
    listener_ = service_listener(port);
    proxy_ = std::make_unique<system_test::Proxy>(port);
}

void HttpEnvironment::end() {
    proxy_.reset();
    listener_.reset();
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

void HttpEnvironment::restore() {
    proxy_->restore();
    proxy_->thaw();
}

bool HttpEnvironment::silence() {
    proxy_->freeze();
    return true;
}

}  // namespace edgesync::conformance
