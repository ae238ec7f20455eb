#include "tests/system/wiotp_rules.h"

#include <vector>

namespace edgesync::system_test {
namespace {

using Kind = WiotpClient::Kind;

constexpr std::string_view kConnectorPrefix = "$IBUS-1/src/SYNC/dst/CC_DNS/type/app/topic/";
constexpr std::string_view kSharedPrefix = "$SharedSubscription/";

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == separator) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

struct Names {
    std::string org;
    std::string type;
    std::string id;
};

/// The names in `topic`, which must have the form `pattern`: there O, T and D stand for organization, type and id, * for any level.
std::optional<Names> names_in(std::string_view topic, std::string_view pattern) {
    const auto given = split(topic, '/');
    const auto wanted = split(pattern, '/');
    if (given.size() != wanted.size()) return std::nullopt;
    Names names;
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i].empty()) return std::nullopt;
        if (wanted[i] == "O") {
            names.org = given[i];
        } else if (wanted[i] == "T") {
            names.type = given[i];
        } else if (wanted[i] == "D") {
            names.id = given[i];
        } else if (wanted[i] != "*" && wanted[i] != given[i]) {
            return std::nullopt;
        }
    }
    return names;
}

bool has_wildcard(std::string_view topic) { return topic.find_first_of("+#") != std::string_view::npos; }

bool speaks_for(const WiotpClient& gateway, const Names& names) {
    if (gateway.kind == Kind::Connector) return !has_wildcard(names.type) && !has_wildcard(names.id);
    return (names.type == gateway.type && names.id == gateway.id) || gateway.behind.contains(names.type + "/" + names.id);
}

std::string in_organization(const WiotpClient& client, std::string_view topic) { return client.org + "/" + std::string(topic); }

bool is_right(const std::map<std::string, std::string>& secrets, const std::string& name, const std::string& secret) {
    const auto found = secrets.find(name);
    return found != secrets.end() && !secret.empty() && found->second == secret;
}

std::optional<std::string> published_by_gateway(const WiotpClient& client, std::string_view topic) {
    if (const auto names = names_in(topic, "iot-2/type/T/id/D/evt/*/fmt/*"); names && speaks_for(client, *names))
        return in_organization(client, topic);
    if (const auto names = names_in(topic, "iotintdev-1/type/T/id/D/sync/*"); names && speaks_for(client, *names))
        return std::string(topic);
    return std::nullopt;
}

std::optional<std::string> subscribed_by_gateway(const WiotpClient& client, std::string_view filter) {
    if (const auto names = names_in(filter, "iot-2/type/T/id/D/cmd/*/fmt/*"); names && speaks_for(client, *names))
        return in_organization(client, filter);
    const auto names = names_in(filter, "iotint-1/O/type/T/id/D/sync/*");
    if (names && names->org == client.org && speaks_for(client, *names)) return std::string(filter);
    return std::nullopt;
}

std::string own_topic(const WiotpClient& device, std::string_view topic) {
    return "iot-2/type/" + device.type + "/id/" + device.id + std::string(topic.substr(topic.find('/')));
}

}  // namespace

std::optional<WiotpClient> wiotp_client(const WiotpAccounts& accounts, const std::string& client_id, const std::string& user,
                                        const std::string& password) {
    if (is_right(accounts.services, user, password)) return WiotpClient{Kind::Service, client_id, {}, {}, client_id, {}};
    const auto parts = split(client_id, ':');
    if (!accounts.connector_org.empty()) {
        const bool is_node = client_id == "a:sync-service" && user == accounts.connector_user && password == accounts.connector_password;
        return is_node ? std::optional(WiotpClient{Kind::Connector, client_id, accounts.connector_org, {}, parts[1], {}}) : std::nullopt;
    }
    if (parts.size() == 4 && (parts[0] == "g" || parts[0] == "d")) {
        if (user != "use-token-auth" || !is_right(accounts.tokens, client_id, password)) return std::nullopt;
        const auto behind = accounts.behind.find(client_id);
        return WiotpClient{parts[0] == "g" ? Kind::Gateway : Kind::Device,
                           client_id,
                           parts[1],
                           parts[2],
                           parts[3],
                           behind == accounts.behind.end() ? std::set<std::string>{} : behind->second};
    }
    if (parts.size() != 3 || (parts[0] != "a" && parts[0] != "A")) return std::nullopt;
    if (!user.starts_with("a-" + parts[1] + "-") || !is_right(accounts.keys, user, password)) return std::nullopt;
    return WiotpClient{parts[0] == "a" ? Kind::Application : Kind::ScalableApplication, client_id, parts[1], {}, parts[2], {}};
}

std::optional<std::string> published_as(const WiotpClient& client, std::string_view topic) {
    if (has_wildcard(topic)) return std::nullopt;
    switch (client.kind) {
        case Kind::Device:
            if (names_in(topic, "iot-2/evt/*/fmt/*")) return in_organization(client, own_topic(client, topic));
            return std::nullopt;
        case Kind::Gateway: return published_by_gateway(client, topic);
        case Kind::Connector:
            if (!topic.starts_with(kConnectorPrefix)) return std::nullopt;
            return published_by_gateway(client, topic.substr(kConnectorPrefix.size()));
        case Kind::Application:
        case Kind::ScalableApplication:
            if (names_in(topic, "iot-2/type/T/id/D/cmd/*/fmt/*") || names_in(topic, "iot-2/type/T/id/D/evt/*/fmt/*"))
                return in_organization(client, topic);
            return std::nullopt;
        case Kind::Service:
            if (names_in(topic, "iotint-1/O/type/T/id/D/sync/*")) return std::string(topic);
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<std::string> subscribed_as(const WiotpClient& client, std::string_view filter) {
    switch (client.kind) {
        case Kind::Device:
            if (names_in(filter, "iot-2/cmd/*/fmt/*")) return in_organization(client, own_topic(client, filter));
            return std::nullopt;
        case Kind::Gateway:
        case Kind::Connector: return subscribed_by_gateway(client, filter);
        case Kind::Application:
        case Kind::ScalableApplication: {
            if (!names_in(filter, "iot-2/type/T/id/D/evt/*/fmt/*") && !names_in(filter, "iot-2/type/T/id/D/cmd/*/fmt/*"))
                return std::nullopt;
            const bool is_shared = client.kind == Kind::ScalableApplication;
            return (is_shared ? "$share/" + client.client_id + "/" : std::string{}) + in_organization(client, filter);
        }
        case Kind::Service: {
            if (!filter.starts_with(kSharedPrefix)) return std::nullopt;
            const std::string_view rest = filter.substr(kSharedPrefix.size());
            const auto slash = rest.find('/');
            if (slash == std::string_view::npos || !names_in(rest.substr(slash + 1), "iotintdev-1/type/T/id/D/sync/*")) return std::nullopt;
            return "$share/" + std::string(rest);
        }
    }
    return std::nullopt;
}

std::string delivered_as(const WiotpClient& client, std::string_view topic) {
    const std::string organization = client.org + "/iot-2/";
    if (client.kind == Kind::Service || !topic.starts_with(organization)) return std::string(topic);
    const std::string_view outside = topic.substr(client.org.size() + 1);
    if (client.kind != Kind::Device) return std::string(outside);
    return "iot-2/" + std::string(outside.substr(outside.find("/cmd/") + 1));
}

}  // namespace edgesync::system_test
