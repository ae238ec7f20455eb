#include "broker_options.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "broker_uri.h"
#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMiB = 1u << 20;

/// PEM text stays, the path of a file becomes absolute.
std::string pem_or_path(const Settings& settings, const char* key) {
    std::string value = settings.text(key);
    if (value.empty() || value.find("-----BEGIN") != std::string::npos) return value;
    return (std::filesystem::path(settings.persistence_root()) / value).lexically_normal().string();
}

TlsOptions tls_options(const Settings& settings) {
    TlsOptions out;
    out.ca = pem_or_path(settings, "MQTTCACertificate");
    out.ca_is_optional = !settings.is_set("MQTTCACertificate");
    const std::string certificate = pem_or_path(settings, "MQTTSSLCert");
    const std::string key = pem_or_path(settings, "MQTTSSLKey");
    if (!certificate.empty() && !key.empty()) {
        out.certificate = certificate;
        out.key = key;
    }
    out.allow_invalid = settings.role() == NodeRole::Ess && settings.boolean("MQTTAllowInvalidCertificates");
    out.pinned = PinnedCertificates(settings.list("MQTTPinnedCertFingerprints"), "MQTTPinnedCertFingerprints");
    return out;
}

/// An edge node is small. But whoever asks for many or large chunks at once also gets room for them.
void set_bounds(const Settings& settings, SessionOptions& out) {
    if (settings.role() == NodeRole::Ess) {
        out.sending_bytes = kMiB * 8;
        out.received_bytes = kMiB * 16;
    }
    const auto asked =
        static_cast<std::size_t>(std::max<std::int64_t>(0, settings.integer("MaxDataChunkSize") * settings.integer("MaxInflightChunks")));
    out.received_bytes = std::max(out.received_bytes, 3 * asked);
}

/// What all sessions of a node have in common.
SessionOptions common_options(const Settings& settings) {
    SessionOptions out;
    out.client_id = settings.text("MQTTClientID");
    out.user = settings.text("MQTTUserName");
    out.password = settings.text("MQTTPassword");
    out.tls = tls_options(settings);
    out.allows_private = settings.boolean("AllowPrivateIPs");
    set_bounds(settings, out);
    return out;
}

std::string configured_uri(const Settings& settings, const std::string& host) {
    return broker_uri(settings.boolean("MQTTUseSSL"), host, settings.integer("BrokerPort"));
}

/// What the log calls a broker: host and port of its first address.
std::string name_of(const std::string& uri) {
    const BrokerUri parsed = parse_broker_uri(uri);
    const bool is_ipv6 = parsed.host.find(':') != std::string::npos;
    return "broker " + (is_ipv6 ? "[" + parsed.host + "]" : parsed.host) + ":" + std::to_string(parsed.port);
}

[[noreturn]] void fail_groups(const std::string& problem) {
    throw Error(ErrorKind::InvalidRequest,
                "BrokerAddress: " + problem + R"(; it must be [{"messagingGroup":"..","serverURIs":["ssl://host:port"]}])");
}

/// One member of the array. @throws Error{InvalidRequest}: it is left out.
MessagingGroup group_of(const Settings& settings, const Json& member, std::set<std::string>& names) {
    const auto fail = [](const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); };
    if (!member.is_object() || !member.contains("messagingGroup") || !member["messagingGroup"].is_string() ||
        member["messagingGroup"].get_ref<const std::string&>().empty())
        fail("a messaging group without a name is left out");
    MessagingGroup out{member["messagingGroup"].get<std::string>(), common_options(settings)};
    const std::string who = "the messaging group " + out.name;
    if (!names.insert(out.name).second) fail(who + " occurs twice; the second is left out");
    const auto uris = member.find("serverURIs");
    if (uris == member.end() || !uris->is_array() || uris->empty()) fail(who + " has no serverURIs and is left out");
    for (const Json& uri : *uris) {
        if (!uri.is_string()) fail(who + " has a server URI that is not text and is left out");
        (void)parse_broker_uri(uri.get<std::string>());
        out.options.uris.push_back(uri.get<std::string>());
    }
    out.options.name = name_of(out.options.uris.front()) + " (messaging group " + out.name + ")";
    return out;
}

}  // namespace

TopicRules topic_rules(const Settings& settings, BrokerKind kind) {
    TopicRules out;
    // On an ESS the key says where its CSS is.
    if (kind == BrokerKind::Wiotp && settings.boolean("CSSOnWIoTP")) out.family = TopicRules::Family::MessagingGroups;
    out.via_edge_connector = settings.role() == NodeRole::Ess && settings.boolean("UsingEdgeConnector");
    return out;
}

SessionOptions node_options(const Settings& settings) {
    SessionOptions out = common_options(settings);
    out.uris = {configured_uri(settings, settings.text("BrokerAddress"))};
    out.name = name_of(out.uris.front());
    return out;
}

SessionOptions organization_options(const Settings& settings, BrokerKind kind, const OrganizationBroker& broker) {
    SessionOptions out = common_options(settings);
    out.client_id = "A:" + broker.org + ":CSS";
    out.user = broker.user;
    out.password = broker.password;
    std::string uri = broker.address;
    if (uri.empty() && kind == BrokerKind::Wiotp) uri = configured_uri(settings, broker.org + "." + settings.text("BrokerAddress"));
    if (uri.empty()) throw Error(ErrorKind::InvalidRequest, "The organization " + broker.org + " has no broker address");
    out.uris = {uri};
    out.name = name_of(uri) + " (organization " + broker.org + ")";
    return out;
}

MessagingGroups messaging_groups(const Settings& settings) {
    const Json list = Json::parse(settings.text("BrokerAddress"), nullptr, false);
    if (!list.is_array()) fail_groups("it is no JSON array");
    MessagingGroups out;
    std::set<std::string> names;
    for (const Json& member : list) {
        try {
            out.groups.push_back(group_of(settings, member, names));
        } catch (const Error& error) {
            out.problems.push_back(std::string("BrokerAddress: ") + error.what());
        }
    }
    if (out.groups.empty()) fail_groups("no messaging group in it can be used");
    return out;
}

std::vector<std::string> setting_warnings(const Settings& settings) {
    std::vector<std::string> out;
    if (settings.role() == NodeRole::Css && settings.boolean("MQTTAllowInvalidCertificates"))
        out.emplace_back("MQTTAllowInvalidCertificates is ignored on a CSS: brokers' certificates are checked");
    if (settings.text("MQTTSSLCert").empty() != settings.text("MQTTSSLKey").empty())
        out.emplace_back("MQTTSSLCert and MQTTSSLKey are used only together; one of them is empty, so no client certificate is shown");
    return out;
}

}  // namespace edgesync::mqtt_session
