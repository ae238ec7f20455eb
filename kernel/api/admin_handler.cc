#include "kernel/api/admin_handler.h"

#include <algorithm>
#include <charconv>

#include "edgesync/sdk/error.h"
#include "kernel/api/health_report.h"

namespace edgesync::api {
namespace {

using security::AuthCode;

constexpr std::chrono::seconds kDefaultQuiesce{3};
constexpr std::int64_t kLongestQuiesce = 3600;  // Seconds.

std::chrono::seconds quiesce_of(const HttpRequest& request) {
    const auto text = request.parameter("quiesce");
    std::int64_t seconds = 0;
    if (!text || text->empty()) return kDefaultQuiesce;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error != std::errc{} || end != text->data() + text->size() || seconds < 0) return kDefaultQuiesce;
    return std::chrono::seconds(std::min(seconds, kLongestQuiesce));
}

bool is_yes(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text == "true" || text == "yes";
}

bool may_resend(const security::Identity& identity, const rules::NodeContext& node) {
    if (identity.code == AuthCode::SyncAdmin) return true;
    if (identity.code != AuthCode::Admin && identity.code != AuthCode::User) return false;
    return node.is_css() || identity.org == node.self.org;
}

}  // namespace

void AdminHandler::resend(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    if (!may_resend(call->identity, context.node)) return call->reply.send(unauthorized());
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    if (context.node.is_css()) {
        return call->reply.send(error_answer(400, "Failed to send resend objects request. Error: ", "CSS can't request to resend objects"));
    }
    // An unreachable CSS is no failure: the request is repeated until it is acknowledged.
    context.request_resend();
    call->reply.empty(204);
}

void AdminHandler::shutdown(const CallPtr& call) const {
    if (call->identity.code != AuthCode::SyncAdmin) return call->reply.send(unauthorized());
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    ShutdownRequest request;
    try {
        request.quiesce = quiesce_of(call->request);
        request.restart = is_yes(call->request.parameter("restart").value_or(""));
        request.unregister = boolean_parameter(call->request, "essunregister").value_or(false);
    } catch (const Error& error) {
        return call->reply.send(error_answer(400, "", error.what()));
    }
    environment_.context.shutdown(request);
    call->reply.empty(204);
}

void AdminHandler::health(const CallPtr& call, std::uint64_t client_requests) const {
    const ApiContext& context = environment_.context;
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    bool has_details = false;
    try {
        has_details = boolean_parameter(call->request, "details").value_or(false);
    } catch (const Error&) {
        return call->reply.empty(400);
    }
    // Without rights: they are in the store, and this answer tells when it is away.
    call->identity = context.authenticator.identify(call->request);
    if (call->identity.code == AuthCode::Failed || call->identity.code == AuthCode::EdgeNode) return call->reply.send(unauthorized());
    HealthFacts facts;
    facts.is_css = context.node.is_css();
    facts.now = context.node.now();
    facts.resend_interval = context.node.resend_interval;
    // What is wrong with a line names the organization that has it, and its broker; the store is everybody's.
    const bool is_of_one_organization = !context.node.self.org.empty();
    facts.is_for_administrators =
        call->identity.code == AuthCode::SyncAdmin || (call->identity.code == AuthCode::Admin && is_of_one_organization);
    facts.store = context.operations.store().health();
    facts.extras = context.health();
    if (has_details) {
        facts.usage.emplace();
        facts.usage->client_requests = client_requests;
        try {
            context.operations.store().read([&](ReadTransaction& txn) {
                facts.usage->registered_nodes = facts.is_css ? txn.count_destinations() : 0;
                facts.usage->stored_objects = txn.count_own_objects();
            });
        } catch (const Error&) {
            // The counters are unknown while the store is away; that is what the answer is about to say.
            facts.store = context.operations.store().health();
        }
    }
    HttpResponse response = json_answer(health_report(facts));
    call->reply.send(std::move(response));
}

}  // namespace edgesync::api
