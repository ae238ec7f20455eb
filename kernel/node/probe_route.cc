#include "kernel/node/probe_route.h"

#include <arpa/inet.h>

#include <string>

namespace edgesync::node {
namespace {

HttpResponse answer(int status, const char* text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = text;
    response.headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
    return response;
}

}  // namespace

bool is_same_machine(std::string_view remote_address) {
    if (remote_address == "unix") return true;
    const auto colon = remote_address.rfind(':');
    if (colon == std::string_view::npos) return false;
    std::string_view host = remote_address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    constexpr std::string_view kMapped = "::ffff:";
    if (host.starts_with(kMapped)) host.remove_prefix(kMapped.size());
    in_addr v4{};
    if (::inet_pton(AF_INET, std::string(host).c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    return host == "::1";
}

ProbeCallers probe_callers(const Settings& settings) {
    return settings.text("AnonymousProbesFrom") == "any" ? ProbeCallers::Any : ProbeCallers::SameMachine;
}

void ProbeRoute::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    const bool is_answered = callers_ == ProbeCallers::Any || is_same_machine(request.remote_address);
    if (!is_answered) return responder->send(answer(404, "404 page not found\n"));
    if (request.method != "GET" && request.method != "HEAD") {
        HttpResponse refusal = answer(405, "");
        refusal.headers.push_back({"Allow", "GET, HEAD"});
        return responder->send(std::move(refusal));
    }
    const bool is_well = is_well_();
    responder->send(answer(is_well ? 200 : 503, is_well ? "ok\n" : "not ready\n"));
}

}  // namespace edgesync::node
