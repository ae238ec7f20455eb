#include "spi_answer.h"

namespace edgesync::transport_http {
namespace {

constexpr std::size_t kLongestReason = 1000;
/// The traditional client compares nothing, but other tools look for exactly these octets.
constexpr std::string_view kUnauthorized = "Unauthorized";

bool has_no_body(int status) { return status == 204 || status == 404 || status == 405 || status == 424; }

}  // namespace

HttpResponse plain_answer(int status, const std::string& reason) {
    HttpResponse response;
    response.status = status;
    if (status == 429 || status == 503) response.headers.push_back({"Retry-After", "2"});
    if (reason.empty() || has_no_body(status)) return response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = reason.substr(0, kLongestReason);
    for (char& octet : response.body) {
        if (static_cast<unsigned char>(octet) < 0x20) octet = ' ';
    }
    if (response.body != kUnauthorized) response.body += '\n';
    return response;
}

std::optional<NodeKey> admit(TransportHost& host, const HttpRequest& request, HttpResponder& responder) {
    if (!host.is_running()) {
        responder.send(plain_answer(503));
        return std::nullopt;
    }
    auto peer = host.authenticate_node(request);
    if (!peer) responder.send(plain_answer(403, std::string(kUnauthorized)));
    return peer;
}

}  // namespace edgesync::transport_http
