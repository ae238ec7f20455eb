#include "kernel/api/queries_handler.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/api/json_list.h"
#include "kernel/api/placed_objects.h"

namespace edgesync::api {
namespace {

using security::AuthCode;
using security::ReadAccess;

/// What the caller sees of an organization. Objects come sorted by type, so the decision about one type is kept.
class View {
public:
    View(const Environment& environment, const Call& call) : environment_(environment), call_(call) {}

    /// What is hidden is noted in the list.
    bool shows(const Metadata& meta, JsonList& out) {
        if (!is_known_ || type_ != meta.object_type) {
            type_ = meta.object_type;
            access_ = environment_.access.read(call_.identity, meta.org, type_);
            is_known_ = true;
        }
        const bool is_shown = access_ == ReadAccess::All || (access_ == ReadAccess::PublicOnly && meta.is_public);
        if (!is_shown) out.note_hidden();
        return is_shown;
    }

private:
    const Environment& environment_;
    const Call& call_;
    std::string type_;
    ReadAccess access_ = ReadAccess::Failed;
    bool is_known_ = false;
};

/// The first selector that has a value decides; one that is not true selects nothing.
std::string selected(const HttpRequest& request) {
    for (const char* name : {"destination_policy", "filters", "list_object_type"}) {
        const auto value = request.parameter(name);
        if (!value || value->empty()) continue;
        return boolean_parameter(request, name).value_or(false) ? name : "";
    }
    return "";
}

}  // namespace

void QueriesHandler::handle(const CallPtr& call) const {
    const AuthCode code = call->identity.code;
    if (code == AuthCode::Failed || code == AuthCode::EdgeNode || code == AuthCode::Service) return call->reply.send(unauthorized());
    std::string selector;
    ObjectFilter filter;
    try {
        selector = selected(call->request);
        if (selector == "destination_policy") filter = policy_filter(call->request);
        if (selector == "filters") filter = metadata_filter(call->request);
    } catch (const Error&) {
        return call->reply.empty(400);
    }
    if (selector.empty()) return call->reply.empty(400);
    if (selector == "list_object_type") return types(call);
    selector == "filters" ? objects(call, std::move(filter)) : placed_objects(call, std::move(filter));
}

void QueriesHandler::objects(const CallPtr& call, ObjectFilter filter) const {
    auto view = std::make_shared<View>(environment_, *call);
    send_list(environment_, call, [this, call, filter = std::move(filter), view](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.objects(call->key().org, "", cursor, kListPage);
            for (const auto& object : page.items) {
                if (filter(object) && view->shows(object.meta, out)) codec::append_json(out.item(), object.meta);
            }
            next = std::move(page.next);
        });
        return next;
    });
}

void QueriesHandler::placed_objects(const CallPtr& call, ObjectFilter filter) const {
    PlacedObjects placed;
    placed.next = [call](ReadTransaction& txn, const std::string& cursor) { return txn.objects(call->key().org, "", cursor, kListPage); };
    placed.shows = [call, filter = std::move(filter), view = std::make_shared<View>(environment_, *call)](
                       const ObjectRecord& object, JsonList& out) { return filter(object) && view->shows(object.meta, out); };
    send_list(environment_, call, source_of(environment_, std::move(placed)));
}

void QueriesHandler::types(const CallPtr& call) const {
    auto view = std::make_shared<View>(environment_, *call);
    auto last = std::make_shared<std::string>();
    send_list(environment_, call, [this, call, view, last](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = txn.objects(call->key().org, "", cursor, kListPage);
            for (const auto& object : page.items) {
                if (object.meta.object_type == *last) continue;
                if (!view->shows(object.meta, out)) continue;
                *last = object.meta.object_type;
                codec::append_json_string(out.item(), *last);
            }
            next = std::move(page.next);
        });
        return next;
    });
}

}  // namespace edgesync::api
