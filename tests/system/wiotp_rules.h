// Who may say and hear what on the Watson IoT Platform, as docs/wiotp.md lists it: pure functions of names. The emulated platform has one
// broker for all organizations behind it; there the topics "iot-2/..." begin with the organization.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace edgesync::system_test {

/// What has been registered with the platform, and with the edge connectors and messaging groups that a test has.
struct WiotpAccounts {
    std::map<std::string, std::string> tokens;            ///< Of gateways and devices, by client id, "g:acme:camera:cam1" for example.
    std::map<std::string, std::set<std::string>> behind;  ///< Devices ("type/id") that a gateway speaks for, by its client id.
    std::map<std::string, std::string> keys;              ///< Of applications: API key, "a-acme-key" for example, and its token.
    /// Inside of the platform: user and password of services that are on a messaging group.
    std::map<std::string, std::string> services;
    /// Not empty: an edge connector for nodes of this organization stands before the platform.
    std::string connector_org;
    std::string connector_user;
    std::string connector_password;
};

/// One connection.
struct WiotpClient {
    enum class Kind { Device, Gateway, Application, ScalableApplication, Service, Connector };
    Kind kind = Kind::Device;
    std::string client_id;
    std::string org;
    std::string type;              ///< Device, gateway.
    std::string id;                ///< Of these, or of the application.
    std::set<std::string> behind;  ///< Gateway: "type/id".
};

/// nullopt: refused.
std::optional<WiotpClient> wiotp_client(const WiotpAccounts& accounts, const std::string& client_id, const std::string& user,
                                        const std::string& password);

/// The topic under which the broker behind the platform has what the client publishes; nullopt: the client may not.
std::optional<std::string> published_as(const WiotpClient& client, std::string_view topic);
/// The same for a filter that it subscribes.
std::optional<std::string> subscribed_as(const WiotpClient& client, std::string_view filter);
/// The topic on which the client gets what the broker has under `topic`.
std::string delivered_as(const WiotpClient& client, std::string_view topic);

/// Octets of the largest payload.
constexpr std::size_t kWiotpPayload = 131'072;

}  // namespace edgesync::system_test
