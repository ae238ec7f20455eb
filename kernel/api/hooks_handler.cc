#include "kernel/api/hooks_handler.h"

#include "edgesync/sdk/error.h"
#include "kernel/api/small_body.h"
#include "kernel/hooks/hook_list.h"
#include "kernel/hooks/hook_url.h"
#include "kernel/objects/names.h"

namespace edgesync::api {

void HooksHandler::handle(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    if (!environment_.access.manage_hooks(call->identity, call->key().org, call->key().type)) return call->reply.send(unauthorized());
    std::string given;
    std::string url;
    try {
        const SmallBody body(call->request.body);
        given = body.text("action");
        url = body.text("url");
    } catch (const Error& error) {
        return call->reply.send(invalid_json("Invalid JSON for update. Error: ", error));
    }
    const std::string action = lower_case(given);
    if (action != "register" && action != "delete") {
        return call->reply.send(error_answer(400, "Invalid action (", objects::html_escape(given) + ") in payload."));
    }
    const bool registers = action == "register";
    if (registers) {
        const hooks::HookUrl parsed = hooks::parse_hook_url(url);
        if (!hooks::is_allowed_host(parsed.host, context.settings.list("WebhookAllowedHosts")))
            return call->reply.send(error_answer(400, "", "Invalid webhook: WebhookAllowedHosts does not name its host"));
    }
    context.operations.run<rules::Done>(
        [key = call->key(), url, registers](WriteTransaction& txn, rules::Effects&) {
            const auto change = registers ? hooks::register_hook : hooks::remove_hook;
            change(txn, key.org, key.type, url);
            return rules::Done{};
        },
        [call](const rules::Outcome<rules::Done>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
