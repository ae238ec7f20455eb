#include "kernel/api/lists_handler.h"

#include "edgesync/sdk/codec.h"
#include "kernel/api/object_json.h"
#include "kernel/api/placed_objects.h"

namespace edgesync::api {
using security::ReadAccess;

ListsHandler::Parameters ListsHandler::parameters(const HttpRequest& request) {
    Parameters result;
    result.received = boolean_parameter(request, "received").value_or(false);
    result.all_objects = boolean_parameter(request, "all_objects").value_or(false);
    return result;
}

void ListsHandler::list(const CallPtr& call, const Parameters& parameters) const {
    const ReadAccess access = environment_.access.read(call->identity, call->key().org, call->key().type);
    if (access == ReadAccess::Failed) return call->reply.send(unauthorized());
    const bool sees_all = access == ReadAccess::All;
    send_list(environment_, call, parameters.all_objects ? all(call, sees_all) : updated(call, parameters.received, sees_all));
}

PageSource ListsHandler::updated(const CallPtr& call, bool includes_received, bool sees_all) const {
    const bool is_service = environment_.access.is_edge_service(call->identity);
    return [this, call, includes_received, sees_all, is_service](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.updated_objects(call->key().org, call->key().type, includes_received, cursor, kListPage);
            for (auto& object : page.items) {
                if (!sees_all && !object.meta.is_public) continue;
                if (is_service && !security::policy_admits(object.meta, call->identity.user_id)) {
                    // A service that an update removed from the policy is told that the object is gone for it.
                    if (security::removed_service(object, call->identity.user_id) == nullptr) continue;
                    object.meta.deleted = true;
                }
                codec::append_json(out.item(), object.meta);
            }
            next = std::move(page.next);
        });
        return next;
    };
}

PageSource ListsHandler::all(const CallPtr& call, bool sees_all) const {
    const bool is_service = environment_.access.is_edge_service(call->identity);
    PlacedObjects objects;
    objects.next = [call](ReadTransaction& txn, const std::string& cursor) {
        return txn.objects(call->key().org, call->key().type, cursor, kListPage);
    };
    objects.shows = [call, sees_all, is_service](const ObjectRecord& object, JsonList&) {
        if (!sees_all && !object.meta.is_public) return false;
        return !is_service || security::policy_admits(object.meta, call->identity.user_id);
    };
    return source_of(environment_, std::move(objects));
}

void ListsHandler::destinations(const CallPtr& call) const {
    std::optional<ObjectRecord> object;
    environment_.context.operations.store().read([&](ReadTransaction& txn) { object = txn.object(call->key()); });
    if (auto refusal = check_readable(environment_, *call, object ? &*object : nullptr)) return call->reply.send(std::move(*refusal));
    if (!environment_.context.node.is_css()) return call->reply.empty(404);
    send_list(environment_, call, [this, call](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.deliveries(call->key(), cursor, kListPage);
            for (const auto& delivery : page.items) append_destination_status(delivery, out.item());
            next = std::move(page.next);
        });
        return next;
    });
}

}  // namespace edgesync::api
