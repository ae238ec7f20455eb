#include "kernel/api/operations_handler.h"

#include <array>

#include "edgesync/sdk/error.h"
#include "kernel/objects/lifecycle.h"
#include "kernel/objects/policy_marks.h"

namespace edgesync::api {
namespace {

using rules::Effects;
using Rule = void (*)(const Environment&, const Call&, WriteTransaction&, Effects&);

void mark_consumed(const Environment& environment, const Call& call, WriteTransaction& txn, Effects& effects) {
    objects::mark_consumed(environment.context.node, txn, call.key(), effects);
}

void mark_received(const Environment&, const Call& call, WriteTransaction& txn, Effects&) { objects::mark_received(txn, call.key()); }

/// A service that an update removed from the object's policy confirms that; everybody else confirms the deletion of the object.
void confirm_deleted(const Environment& environment, const Call& call, WriteTransaction& txn, Effects& effects) {
    if (environment.access.is_edge_service(call.identity)) {
        const auto object = txn.object(call.key());
        if (object && !object->meta.deleted)
            return objects::confirm_removal(txn, *object, security::removed_service(*object, call.identity.user_id));
    }
    objects::confirm_deleted(environment.context.node, txn, call.key(), effects);
}

void activate(const Environment& environment, const Call& call, WriteTransaction& txn, Effects& effects) {
    objects::activate(environment.context.node, txn, call.key(), effects);
}

void mark_policy_received(const Environment&, const Call& call, WriteTransaction& txn, Effects&) {
    objects::mark_policy_received(txn, call.key());
}

struct Operation {
    const char* name;
    Rule rule;
    const char* error_prefix;
};

constexpr std::array<Operation, 5> kOperations = {{
    {"consumed", mark_consumed, "Failed to mark the object as consumed. Error: "},
    {"received", mark_received, "Failed to mark the object as received. Error: "},
    {"deleted", confirm_deleted, "Failed to confirm object's deletion. Error: "},
    {"activate", activate, "Failed to mark the object as active. Error: "},
    {"policyreceived", mark_policy_received, "Failed to mark the object's destination policy as having been received. Error: "},
}};

const Operation* find_operation(const std::string& name) {
    for (const auto& operation : kOperations) {
        if (name == operation.name) return &operation;
    }
    return nullptr;
}

}  // namespace

bool OperationsHandler::knows(const std::string& operation) { return find_operation(operation) != nullptr; }

void OperationsHandler::handle(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    const Operation* operation = find_operation(call->path.operation);
    std::optional<ObjectRecord> object;
    if (environment_.access.is_edge_service(call->identity)) {
        context.operations.store().read([&](ReadTransaction& txn) { object = txn.object(call->key()); });
    }
    const auto access = environment_.access.read_object(call->identity, call->key().org, call->key().type, object ? &*object : nullptr,
                                                        operation->rule == confirm_deleted);
    if (access != security::ReadAccess::All) return call->reply.send(unauthorized());
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    if (operation->rule == mark_policy_received && !context.node.is_css()) return call->reply.empty(400);
    context.operations.run<rules::Done>(
        [this, call, operation](WriteTransaction& txn, Effects& effects) {
            operation->rule(environment_, *call, txn, effects);
            return rules::Done{};
        },
        [call, operation](const rules::Outcome<rules::Done>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error, operation->error_prefix);
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
