#include "kernel/security/authenticator.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "kernel/security/credential_cache.h"
#include "kernel/security/dummy_authenticator.h"
#include "kernel/security/preset_authenticator.h"

namespace edgesync::security {
namespace {

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

/// True if only processes of this machine can connect.
bool listens_locally(const Settings& settings) {
    const std::string type = lower_case(settings.text("ListeningType"));
    if (type == "unix" || type == "secure-unix") return true;
    const std::string address = settings.text("ListeningAddress");
    return address == "localhost" || address == "::1" || address == "[::1]" || address.starts_with("127.");
}

std::unique_ptr<Authenticator> make_preset(const Settings& settings, Log& log) {
    const std::string type = lower_case(settings.text("ListeningType"));
    if ((type == "unsecure" || type == "both") && !listens_locally(settings)) {
        log.log(LogLevel::Warning, "ListeningType is " + type +
                                       ": credentials can be read on the network. Listen on a loopback address behind a TLS proxy, or set "
                                       "ListeningType secure");
    }
    return std::make_unique<CredentialCache>(std::make_unique<PresetAuthenticator>(settings, log));
}

std::unique_ptr<Authenticator> make_dummy(const Settings& settings, Log& log) {
    if (!settings.boolean("AllowDummyAuthentication") && !listens_locally(settings)) {
        throw Error(ErrorKind::InvalidRequest,
                    "AuthenticationHandler dummy accepts any secret and AllowDummyAuthentication is false: listen on a loopback address or "
                    "a Unix socket, or choose another handler");
    }
    return std::make_unique<DummyAuthenticator>(settings, log);
}

}  // namespace

std::optional<BasicCredentials> basic_credentials(const HttpRequest& request) {
    constexpr std::string_view scheme = "basic ";
    const std::string_view field = request.header("Authorization");
    if (field.size() < scheme.size()) return std::nullopt;
    for (std::size_t i = 0; i < scheme.size(); ++i) {
        const char c = field[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != scheme[i]) return std::nullopt;
    }
    auto decoded = codec::base64_decode(field.substr(scheme.size()));
    if (!decoded) return std::nullopt;
    const SecretText text(std::move(*decoded));
    const auto colon = text.text().find(':');
    if (colon == std::string::npos) return std::nullopt;
    return BasicCredentials{text.text().substr(0, colon), SecretText(text.text().substr(colon + 1))};
}

std::unique_ptr<Authenticator> make_authenticator(const Settings& settings, Log& log) {
    const std::string handler = lower_case(settings.text("AuthenticationHandler"));
    if (handler == "dummy" || handler.empty()) return make_dummy(settings, log);
    if (handler == "preset") return make_preset(settings, log);
    throw Error(ErrorKind::InvalidRequest, "Unknown AuthenticationHandler '" + handler + "': use dummy or preset");
}

}  // namespace edgesync::security
