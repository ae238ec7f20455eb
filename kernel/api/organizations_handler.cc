#include "kernel/api/organizations_handler.h"

#include <algorithm>
#include <array>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/network_guard.h"
#include "kernel/addressing/org_removal.h"
#include "kernel/addressing/organization_record.h"
#include "kernel/api/json_list.h"
#include "kernel/api/small_body.h"
#include "kernel/objects/names.h"

namespace edgesync::api {
namespace {

using security::AuthCode;

constexpr char kSingleOrg[] = "Can't modify organizations for single organization CSS";

constexpr char kOnWatson[] = "Can't modify organizations for CSS on WIoTP ";  // Sic, with the blank.

bool speaks_mqtt(const Settings& settings) {
    const auto protocols = settings.list("CommunicationProtocol");
    return std::any_of(protocols.begin(), protocols.end(), [](const std::string& name) { return lower_case(name) == "mqtt"; });
}

void append_org(const std::string& org, const std::string& address, std::string& out) {
    out += "{\"org-id\":";
    codec::append_json_string(out, org);
    out += ",\"address\":";
    codec::append_json_string(out, address);
    out += '}';
}

std::string broker_url(const Settings& settings) {
    if (settings.text("BrokerAddress").empty()) return "";
    const std::string scheme = settings.boolean("MQTTUseSSL") ? "ssl://" : "tcp://";
    return scheme + settings.text("BrokerAddress") + ":" + std::to_string(settings.integer("BrokerPort"));
}

bool is_broker_url(const std::string& address) {
    constexpr std::array<std::string_view, 6> schemes = {"tcp://", "ssl://", "ws://", "wss://", "mqtt://", "mqtts://"};
    const std::string lower = lower_case(address);
    return std::any_of(schemes.begin(), schemes.end(),
                       [&](std::string_view scheme) { return lower.starts_with(scheme) && lower.size() > scheme.size(); });
}

/// The host of a broker's URL, without brackets.
std::string_view host_of(std::string_view address) {
    address.remove_prefix(address.find("//") + 2);
    address = address.substr(0, address.find_first_of("/?#"));
    if (const auto at = address.rfind('@'); at != std::string_view::npos) address.remove_prefix(at + 1);
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    return address.substr(0, address.find(':'));
}

/// Of an address in digits; a name is looked up, and judged, when it is connected to.
bool is_forbidden_broker(const Settings& settings, const std::string& address) {
    if (address.empty() || settings.boolean("AllowPrivateIPs")) return false;
    const std::string_view host = host_of(address);
    return is_numeric_address(host) && is_private_address(host);
}

}  // namespace

void OrganizationsHandler::handle(const CallPtr& call, std::string_view rest) const {
    const AuthCode code = call->identity.code;
    if (code != AuthCode::Admin && code != AuthCode::SyncAdmin) return call->reply.send(unauthorized());
    const auto segments = parse_segments(rest);
    const std::string& method = call->request.method;
    call->route = segments ? find_route(environment_.context.node.role, Resource::Organizations, segments->size()) : nullptr;
    if (call->route == nullptr) return call->reply.empty(400);
    if (!call->route->allows(method)) return call->reply.send(method_not_allowed(*call->route));
    if (segments->empty()) return list(call);
    const std::string& org = segments->front();
    if (code == AuthCode::Admin && call->identity.org != org) return call->reply.send(unauthorized());
    if (!objects::is_valid_name(org)) {
        return call->reply.send(error_answer(400, "Organization ID (", objects::html_escape(org) + ") contains invalid characters"));
    }
    if (!environment_.context.node.is_css()) {
        return call->reply.send(error_answer(400, "", method == "PUT" ? "ESS can't add organization" : "ESS can't delete organization"));
    }
    if (is_single_org()) return call->reply.send(error_answer(400, "", kSingleOrg));
    method == "PUT" ? put(call, org) : remove(call, org);
}

bool OrganizationsHandler::is_single_org() const {
    const ApiContext& context = environment_.context;
    return !context.node.self.org.empty() && !context.settings.boolean("CSSOnWIoTP");
}

void OrganizationsHandler::list(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    if (!context.node.is_css()) {
        return call->reply.send(error_answer(400, "Failed to fetch the list of organizations. Error: ", "ESS doesn't have organizations"));
    }
    const bool sees_all = call->identity.code == AuthCode::SyncAdmin;
    const std::string own = call->identity.org;
    if (const std::string& only = context.node.self.org; is_single_org()) {
        JsonList items;
        if (sees_all || own == only) append_org(only, broker_url(context.settings), items.item());
        items.close();
        return call->reply.send(json_answer(items.take()));
    }
    send_list(environment_, call, [this, sees_all, own](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.entries(EntryTable::Organization, {}, cursor, kListPage);
            for (const auto& entry : page.items) {
                const std::string& org = entry.key.at(0);
                if (!sees_all && org != own) {
                    out.note_hidden();
                    continue;
                }
                append_org(org, addressing::decode_organization(entry.value).address, out.item());
            }
            next = std::move(page.next);
        });
        return next;
    });
}

void OrganizationsHandler::put(const CallPtr& call, const std::string& org) const {
    const Settings& settings = environment_.context.settings;
    if (settings.boolean("CSSOnWIoTP")) return call->reply.send(error_answer(400, "", kOnWatson));
    std::string given;
    std::string address;
    std::string user;
    std::string password;
    try {
        const SmallBody body(call->request.body);
        given = body.text("orgid");
        address = body.text("address");
        user = body.text("user");
        password = body.text("password");
    } catch (const Error& error) {
        return call->reply.send(invalid_json("Invalid JSON for update. Error: ", error));
    }
    if (given != org) {
        return call->reply.send(error_answer(
            400, "Org ID (",
            objects::html_escape(org) + ") in the URL doesn't match the org-id (" + objects::html_escape(given) + ") in the payload"));
    }
    if (address.empty() && speaks_mqtt(settings)) {
        return call->reply.send(error_answer(400, "Can't create MQTT client for organization ", org + ": no broker address"));
    }
    if (!address.empty() && !is_broker_url(address)) {
        return call->reply.send(
            error_answer(400, "Invalid broker address (", objects::html_escape(address) + "): use tcp, ssl, ws, wss, mqtt or mqtts"));
    }
    if (is_forbidden_broker(environment_.context.settings, address)) {
        return call->reply.send(error_answer(400, "Invalid broker address (",
                                             objects::html_escape(address) + "): it is private, and AllowPrivateIPs is false"));
    }
    const std::string value = addressing::encode(addressing::OrganizationRecord{address, user, secrets_.seal(org, password)});
    environment_.context.operations.run<rules::Done>(
        [org, value](WriteTransaction& txn, rules::Effects&) {
            txn.put_entry(EntryTable::Organization, {org}, value);
            return rules::Done{};
        },
        [call](const rules::Outcome<rules::Done>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

void OrganizationsHandler::seal_passwords() const {
    std::size_t sealed = 0;
    std::string cursor;
    do {
        std::vector<std::string> orgs;
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            orgs.clear();
            auto page = txn.entries(EntryTable::Organization, {}, cursor, kListPage);
            for (const auto& entry : page.items) {
                if (secrets_.is_to_be_sealed(addressing::decode_organization(entry.value).password)) orgs.push_back(entry.key.at(0));
            }
            next = std::move(page.next);
        });
        for (const auto& org : orgs) sealed += seal_password(org) ? 1U : 0U;
        cursor = std::move(next);
    } while (!cursor.empty());
    if (sealed == 0) return;
    environment_.context.log.log(LogLevel::Info, "Encrypted the broker passwords of " + std::to_string(sealed) +
                                                     " organizations that were stored before there was an OrgSecretKeyFile");
}

/// False: somebody put or removed the organization just now.
bool OrganizationsHandler::seal_password(const std::string& org) const {
    return environment_.context.operations.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects&) {
        const auto value = txn.entry(EntryTable::Organization, {org});
        if (!value) return false;
        auto record = addressing::decode_organization(*value);
        if (!secrets_.is_to_be_sealed(record.password)) return false;
        record.password = secrets_.seal(org, record.password);
        txn.put_entry(EntryTable::Organization, {org}, addressing::encode(record));
        return true;
    });
}

void OrganizationsHandler::remove(const CallPtr& call, const std::string& org) const {
    environment_.context.operations.run<rules::Done>(
        [org, &node = environment_.context.node](WriteTransaction& txn, rules::Effects& effects) {
            txn.erase_entry(EntryTable::Organization, {org});
            addressing::enqueue_org_removal(node, txn, org, effects);
            effects.acls_of.push_back(org);
            return rules::Done{};
        },
        [this, call, org](const rules::Outcome<rules::Done>& outcome) {
            environment_.context.acls.invalidate(org);
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
