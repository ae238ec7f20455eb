// CSS: what is the same in all answers of the node protocol: admission, empty and error answers.
#pragma once

#include <optional>
#include <string>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::transport_http {

/// An error or empty answer: one line of text where the protocol has a body for the status and there is a reason, else none.
HttpResponse plain_answer(int status, const std::string& reason = {});

/// Checks every request of a node before its path is looked at. nullopt: the answer (503 or 403) was sent.
std::optional<NodeKey> admit(TransportHost& host, const HttpRequest& request, HttpResponder& responder);

}  // namespace edgesync::transport_http
