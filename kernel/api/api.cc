#include "kernel/api/api.h"

#include "kernel/api/data_download.h"
#include "kernel/api/data_upload.h"

namespace edgesync::api {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
constexpr std::int64_t kOtherBodyLimit = kMiB;
/// Bodies up to this size are read before the credentials are looked at; larger ones must deserve it.
constexpr std::int64_t kUncheckedBody = 64 * 1024;

std::shared_ptr<Call> make_call(HttpRequest request, std::shared_ptr<HttpResponder> responder, Log& log) {
    return std::make_shared<Call>(Call{std::move(request), Reply(std::move(responder), log), {}, {}});
}

HttpResponse not_found() { return text_answer(404, "404 page not found\n"); }

HttpResponse too_large(std::int64_t limit) {
    const char* advice = limit > kOtherBodyLimit ? ": upload the data with PUT data" : "";
    return error_answer(413, "", "The body is larger than " + std::to_string(limit) + " bytes" + advice);
}

bool may_call(const security::Identity& identity) {
    return identity.code != security::AuthCode::Failed && identity.code != security::AuthCode::EdgeNode;
}

/// A look at the path's end, because the whole of it costs more than a small request.
bool may_be_data(std::string_view path) {
    if (path.ends_with('/')) path.remove_suffix(1);
    return path.size() > 5 && (path.back() == 'a' || path.back() == 'A') && path[path.size() - 5] == '/';
}

}  // namespace

Api::Api(ApiContext context)
    : context_(std::move(context)), environment_{context_, security::Access(context_.node.role, context_.acls)}, objects_(environment_),
      operations_(environment_), lists_(environment_), queries_(environment_), placement_(environment_), hooks_(environment_),
      security_(environment_), organizations_(environment_), destinations_(environment_), admin_(environment_),
      object_body_limit_(context_.settings.integer("MaxInlineObjectSize") / 3 * 4 + kMiB) {}

void Api::start() {
    try {
        organizations_.seal_passwords();
    } catch (const std::exception& error) {
        context_.log.log(LogLevel::Error, std::string("Cannot encrypt the stored broker passwords: ") + error.what());
    }
}

std::int64_t Api::body_limit(const HttpRequest& request) const {
    // What fits anyway needs no look at the path.
    const bool fits = request.content_length >= 0 && request.content_length <= kOtherBodyLimit;
    if (fits || request.method != "PUT") return kOtherBodyLimit;
    const Route route = route_of(request.path, context_.node.role);
    if (route.resource != Resource::Objects) return kOtherBodyLimit;
    ObjectPath path;
    const bool is_refused = parse_object_path(route.rest, context_.node.role, context_.node.self.org, path).has_value();
    return !is_refused && path.level == ObjectPath::Level::Object ? object_body_limit_ : kOtherBodyLimit;
}

bool Api::authenticate(Call& call) const {
    call.identity = context_.authenticator.authenticate(call.request);
    return may_call(call.identity);
}

bool Api::identify(Call& call) const {
    call.identity = context_.authenticator.identify(call.request);
    return may_call(call.identity);
}

std::unique_ptr<HttpBodySink> Api::stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    const bool is_large = request.content_length < 0 || request.content_length > kUncheckedBody;
    const bool is_put = request.method == "PUT";
    if (!is_large && !(is_put && may_be_data(request.path))) return nullptr;
    const auto call = make_call(request, responder, context_.log);
    try {
        const Route route = route_of(request.path, context_.node.role);
        std::optional<HttpResponse> refusal;
        if (route.resource == Resource::Objects)
            refusal = parse_object_path(route.rest, context_.node.role, context_.node.self.org, call->path);
        if (!refusal && is_put && call->path.operation == "data") {
            client_requests_.fetch_add(1, std::memory_order_relaxed);
            return make_upload(environment_, call);
        }
        if (is_large) refusal = judge_large(*call, route.resource, std::move(refusal));
        return is_large && refusal ? make_refusal(call->reply, std::move(*refusal)) : nullptr;
    } catch (...) {
        return make_refusal(call->reply, failure(std::current_exception()));
    }
}

std::optional<HttpResponse> Api::judge_large(Call& call, Resource resource, std::optional<HttpResponse> path_refusal) const {
    if (resource == Resource::Unknown) return not_found();
    const bool is_always_served = resource == Resource::Health || resource == Resource::Shutdown;
    if (!is_always_served && !context_.is_running()) return empty_answer(503);
    if (path_refusal) return path_refusal;
    if (!(is_always_served ? identify(call) : authenticate(call))) return unauthorized();
    const std::int64_t limit = body_limit(call.request);
    if (call.request.content_length > limit) return too_large(limit);
    return std::nullopt;
}

void Api::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    client_requests_.fetch_add(1, std::memory_order_relaxed);
    auto call = make_call(std::move(request), std::move(responder), context_.log);
    call->reply.guard([&] { dispatch(call); });
}

void Api::dispatch(const CallPtr& call) {
    const Route route = route_of(call->request.path, context_.node.role);
    if (route.resource == Resource::Unknown) return call->reply.send(not_found());
    call->route = find_route(context_.node.role, route.resource, 0);
    if (route.resource == Resource::Health) return admin_.health(call, client_requests());
    if (route.resource == Resource::Shutdown) {
        identify(*call);
        return admin_.shutdown(call);
    }
    if (!context_.is_running()) return call->reply.empty(503);
    if (route.resource == Resource::Objects) return handle_objects(call, route.rest);
    authenticate(*call);
    if (route.resource == Resource::Resend) return admin_.resend(call);
    if (route.resource == Resource::Security) return security_.handle(call, route.rest);
    if (route.resource == Resource::Organizations) return organizations_.handle(call, route.rest);
    destinations_.handle(call, route.rest);
}

void Api::handle_objects(const CallPtr& call, std::string_view rest) {
    auto refusal = parse_object_path(rest, context_.node.role, context_.node.self.org, call->path);
    if (refusal) return call->reply.send(std::move(*refusal));
    call->route = find_route(context_.node.role, Resource::Objects, 1 + static_cast<std::size_t>(call->path.level), call->path.operation);
    if (call->route == nullptr) return call->reply.empty(400);
    switch (call->path.level) {
        case ObjectPath::Level::Organization:
            if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
            authenticate(*call);
            return queries_.handle(call);
        case ObjectPath::Level::Type: return handle_type(call);
        case ObjectPath::Level::Object: return handle_object(call);
        case ObjectPath::Level::Operation: return handle_operation(call);
    }
}

void Api::handle_type(const CallPtr& call) {
    if (call->request.method == "PUT") {
        authenticate(*call);
        return hooks_.handle(call);
    }
    if (!call->route->allows(call->request.method)) return call->reply.send(method_not_allowed(*call->route));
    ListsHandler::Parameters parameters;
    try {
        parameters = ListsHandler::parameters(call->request);
    } catch (const Error&) {
        return call->reply.empty(400);
    }
    authenticate(*call);
    lists_.list(call, parameters);
}

void Api::handle_object(const CallPtr& call) {
    const std::string& method = call->request.method;
    if (!call->route->allows(method)) return call->reply.send(method_not_allowed(*call->route));
    if (!authenticate(*call)) return call->reply.send(unauthorized());
    if (method == "PUT") return objects_.put(call);
    if (method == "GET") return objects_.get(call);
    objects_.remove(call);
}

void Api::handle_operation(const CallPtr& call) {
    const std::string& method = call->request.method;
    const std::string& operation = call->path.operation;
    if (OperationsHandler::knows(operation)) {
        if (!authenticate(*call)) return call->reply.send(unauthorized());
        return operations_.handle(call);
    }
    if (!call->route->allows(method)) return call->reply.send(method_not_allowed(*call->route));
    if (operation == "data" && method == "PUT") {
        return call->reply.on_worker(context_.scheduler, [this, call] { feed(*make_upload(environment_, call), call->request.body); });
    }
    if (!authenticate(*call)) return call->reply.send(unauthorized());
    if (operation == "data") return download_data(environment_, call);
    if (operation == "status") return objects_.status(call);
    if (operation == "destinations") return method == "GET" ? lists_.destinations(call) : placement_.handle(call);
    call->reply.empty(400);
}

}  // namespace edgesync::api
