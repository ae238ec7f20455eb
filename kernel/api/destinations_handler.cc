#include "kernel/api/destinations_handler.h"

#include "edgesync/sdk/codec.h"
#include "kernel/api/json_list.h"
#include "kernel/objects/names.h"

namespace edgesync::api {
namespace {

using security::AuthCode;

/// What an application is told of the exchange about an object; null: nothing.
const char* reported_status(NotificationStatus status) {
    switch (status) {
        case NotificationStatus::Update:
        case NotificationStatus::UpdatePending:
        case NotificationStatus::Updated:
        case NotificationStatus::Data: return "delivering";
        case NotificationStatus::ReceivedByDest: return "delivered";
        case NotificationStatus::ConsumedByDest: return "consumed";
        case NotificationStatus::Error: return "error";
        default: return nullptr;
    }
}

void append_field(std::string& out, const char* name, std::string_view value) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += name;
    out += "\":";
    codec::append_json_string(out, value);
}

void append_node(const DestinationRecord& record, std::string& out) {
    out += '{';
    append_field(out, "destinationOrgID", record.node.org);
    append_field(out, "destinationType", record.node.type);
    append_field(out, "destinationID", record.node.id);
    append_field(out, "communication", record.protocol);
    append_field(out, "codeVersion", record.code_version);
    out += '}';
}

void append_object(const ObjectKey& key, const char* status, std::string& out) {
    out += '{';
    append_field(out, "orgID", key.org);
    append_field(out, "objectType", key.type);
    append_field(out, "objectID", key.id);
    append_field(out, "status", status);
    out += '}';
}

bool is_allowed(const security::Identity& identity, const std::string& org) {
    if (identity.code == AuthCode::SyncAdmin) return true;
    return identity.code != AuthCode::Failed && identity.code != AuthCode::EdgeNode && identity.org == org;
}

}  // namespace

void DestinationsHandler::handle(const CallPtr& call, std::string_view rest) const {
    if (call->identity.code == AuthCode::Failed || call->identity.code == AuthCode::EdgeNode) return call->reply.send(unauthorized());
    const auto segments = parse_segments(rest);
    // Which organization is meant decides about the permission, so the path is looked at before the method.
    if (segments && !segments->empty() && !is_allowed(call->identity, segments->front())) return call->reply.send(unauthorized());
    const NodeRole role = environment_.context.node.role;
    const std::string_view last = segments && !segments->empty() ? std::string_view(segments->back()) : std::string_view();
    call->route = segments ? find_route(role, Resource::Destinations, segments->size(), last) : nullptr;
    if (call->route == nullptr) return call->reply.empty(400);
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    if (role == NodeRole::Ess) return call->reply.empty(404);
    if (!edgesync::objects::is_valid_name(segments->front())) {
        return call->reply.send(
            error_answer(400, "Organization ID (", edgesync::objects::html_escape(segments->front()) + ") contains invalid characters"));
    }
    if (segments->size() == 1) return nodes(call, segments->front());
    const NodeKey node{(*segments)[0], (*segments)[1], (*segments)[2]};
    if ((node.type + node.id).find_first_of("<>") != std::string::npos) {
        return call->reply.send(error_answer(400, "Destination Type and/or destination ID (",
                                             edgesync::objects::html_escape(node.type + ":" + node.id) + ") contains invalid characters"));
    }
    objects(call, node);
}

void DestinationsHandler::nodes(const CallPtr& call, const std::string& org) const {
    send_list(environment_, call, [this, org](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.destinations(org, "", cursor, kListPage);
            for (const auto& record : page.items) append_node(record, out.item());
            next = std::move(page.next);
        });
        return next;
    });
}

void DestinationsHandler::objects(const CallPtr& call, const NodeKey& node) const {
    send_list(environment_, call, [this, node](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.notifications_of_peer(node, cursor, kListPage);
            for (const auto& record : page.items) {
                if (const char* status = reported_status(record.status)) append_object(record.object, status, out.item());
            }
            next = std::move(page.next);
        });
        return next;
    });
}

}  // namespace edgesync::api
