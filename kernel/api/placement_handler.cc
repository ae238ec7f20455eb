#include "kernel/api/placement_handler.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/placement.h"
#include "kernel/api/small_body.h"
#include "kernel/objects/names.h"

namespace edgesync::api {
namespace {

using Rule = void (*)(const rules::NodeContext&, WriteTransaction&, const ObjectKey&, const std::vector<std::string>&, rules::Effects&);

constexpr std::size_t kMostDestinations = 10000;

struct Change {
    Rule rule = nullptr;
    std::vector<std::string> list;
};

/// What a PUT asks for; or the answer.
std::optional<HttpResponse> read_put(const std::string& body, Change& change) {
    change.rule = addressing::place;
    try {
        change.list = texts_from_json(body);
    } catch (const Error& error) {
        return invalid_json("Invalid JSON for update. Error: ", error);
    }
    return std::nullopt;
}

std::optional<HttpResponse> read_post(const std::string& body, Change& change) {
    std::string given;
    try {
        const SmallBody fields(body);
        given = fields.text("action");
        change.list = fields.list("destinations");
    } catch (const Error& error) {
        return invalid_json("Invalid JSON for add/remove destinations. Error: ", error);
    }
    const std::string action = lower_case(given);
    if (action != "add" && action != "remove") {
        return error_answer(400, "Invalid action (", objects::html_escape(given) + ") in payload.");
    }
    change.rule = action == "add" ? addressing::add_to_placed : addressing::remove_from_placed;
    return std::nullopt;
}

/// Who may change the object may not therefore send it to nodes that are not theirs to address.
bool may_address(const Environment& environment, const Call& call, const Metadata& meta, const Change& change) {
    if (change.rule == addressing::remove_from_placed || change.list.empty()) return true;
    Metadata asked = meta;
    asked.destination_type.clear();
    asked.destinations_list = change.list;
    return environment.access.write(call.identity, call.key().org, asked);
}

}  // namespace

void PlacementHandler::handle(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    if (!context.node.is_css()) return call->reply.send(error_answer(400, "", "ESS doesn't support destinations update"));
    std::optional<ObjectRecord> object;
    context.operations.store().read([&](ReadTransaction& txn) { object = txn.object(call->key()); });
    if (!object) return call->reply.empty(404);
    if (!environment_.access.write(call->identity, call->key().org, object->meta)) return call->reply.send(unauthorized());
    Change change;
    auto refusal = call->request.method == "PUT" ? read_put(call->request.body, change) : read_post(call->request.body, change);
    if (refusal) return call->reply.send(std::move(*refusal));
    if (change.list.size() > kMostDestinations)
        return call->reply.send(error_answer(400, "", "There may be at most 10000 destinations in one request"));
    if (!may_address(environment_, *call, object->meta, change)) return call->reply.send(unauthorized());
    for (const auto& entry : change.list) {
        if (entry.find_first_of("<>") == std::string::npos) continue;
        return call->reply.send(
            error_answer(400, "Unsupported char in destinationsList. Error: ", "Unsupported char <, > in " + objects::html_escape(entry)));
    }
    context.operations.run<rules::Done>(
        [&node = context.node, key = call->key(), change = std::move(change)](WriteTransaction& txn, rules::Effects& effects) {
            change.rule(node, txn, key, change.list, effects);
            return rules::Done{};
        },
        [call](const rules::Outcome<rules::Done>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
