// Answers of the application API: their bodies, and the headers that all of them carry (rest-api 1.5 to 1.7).
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/http.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::api {

struct RouteEntry;

HttpResponse empty_answer(int status);
/// Plain text exactly as given.
HttpResponse text_answer(int status, std::string body);
/// prefix + message + newline.
HttpResponse error_answer(int status, std::string_view prefix, std::string_view message);
/// 400 for a body that cannot be understood. What its reader says may echo the body, so it is cut and escaped.
HttpResponse invalid_json(std::string_view prefix, const Error& error);
HttpResponse json_answer(std::string body);
/// Authentication and authorisation failures alike: 403, never 401, because clients depend on it.
HttpResponse unauthorized();
HttpResponse method_not_allowed(const RouteEntry& route);
HttpResponse busy();
/// Of a caught error, with its mapped status.
HttpResponse failure(const std::exception_ptr& error, std::string_view prefix = "");

/// The way back for one request; copies answer the same request. Adds the common headers. Thread-safe as HttpResponder is.
class Reply {
public:
    Reply(std::shared_ptr<HttpResponder> responder, Log& log) : responder_(std::move(responder)), log_(&log) {}

    void send(HttpResponse response) const;
    void empty(int status) const { send(empty_answer(status)); }
    /// Answers with the mapped status; server errors are also logged.
    void fail(const std::exception_ptr& error, std::string_view prefix = "") const;
    /// Runs `function`; what it throws becomes the answer, so `function` must not throw after it has answered.
    void guard(const std::function<void()>& function, std::string_view prefix = "") const;
    /// Runs `function` guarded on a worker; answers "busy" if too much waits already.
    void on_worker(rules::Scheduler& scheduler, std::function<void()> function) const;

private:
    std::shared_ptr<HttpResponder> responder_;
    Log* log_;
};

}  // namespace edgesync::api
