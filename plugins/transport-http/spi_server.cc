#include "spi_server.h"

#include <mutex>
#include <optional>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_answer.h"
#include "spi_data.h"

namespace edgesync::transport_http {
namespace {

/// Metadata with ten thousand list entries fits.
constexpr std::int64_t kLargestBody = 4 * 1024 * 1024;
/// Bodies up to this size are collected before the credentials are looked at; larger ones must deserve it.
constexpr std::int64_t kUncheckedBody = 64 * 1024;

bool has_metadata(Command command) { return command == Command::Update || command == Command::Delete || command == Command::Deleted; }

/// "1", "t", "true", ... as the traditional service reads them; nullopt: anything else.
std::optional<bool> parse_flag(const std::string& text) {
    for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (text == yes) return true;
    }
    for (const char* no : {"", "0", "f", "F", "FALSE", "false", "False"}) {
        if (text == no) return false;
    }
    return std::nullopt;
}

/// A poll that may be parked: whichever of handle and departure comes second cancels it.
struct ParkedPoll {
    std::mutex mutex;
    std::uint64_t handle = 0;
    bool is_gone = false;
};

/// nullopt: malformed, which has no body in this protocol.
std::optional<std::vector<std::string>> segments_of(const std::string& path) {
    // With the slash before them, so that a second one is an empty segment.
    std::string_view rest = path;
    rest.remove_prefix(std::min(rest.size(), std::string_view(kPrefix).size() - 1));
    try {
        return split_path(rest);
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<bool> persistence_of(const HttpRequest& request) {
    try {
        return parse_flag(request.parameter("persistent-storage").value_or(""));
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

std::int64_t SpiServer::body_limit(const HttpRequest&) const { return kLargestBody; }

std::unique_ptr<HttpBodySink> SpiServer::stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    if (request.method != "PUT" || !request.path.starts_with("/spi/v1/objects/") || !request.path.ends_with("/data")) {
        const bool is_large = request.content_length < 0 || request.content_length > kUncheckedBody;
        try {
            if (is_large) admit(host_, request, *responder);  // Answered if there is nobody to admit.
        } catch (const Error& error) {
            responder->send(plain_answer(status_of(error.kind()), error.what()));
        }
        return nullptr;
    }
    const std::uint64_t call = fingerprint(request);
    if (limiter_.is_limited(call, FailureLimiter::Clock::now())) {
        responder->send(plain_answer(429));
        return nullptr;
    }
    return std::make_unique<DataUpload>(host_, request, watched(responder, limiter_, call));
}

void SpiServer::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    if (request.method == "PUT") {
        const std::uint64_t call = fingerprint(request);
        if (limiter_.is_limited(call, FailureLimiter::Clock::now())) return responder->send(plain_answer(429));
        responder = watched(std::move(responder), limiter_, call);
    }
    try {
        const auto peer = admit(host_, request, *responder);
        if (!peer) return;
        auto segments = segments_of(request.path);
        if (!segments) return responder->send(plain_answer(400));
        dispatch(request, {*peer, std::move(*segments)}, responder);
    } catch (const Error& error) {
        responder->send(plain_answer(status_of(error.kind()), error.what()));
    }
}

void SpiServer::dispatch(const HttpRequest& request, const Call& call, const Responder& responder) {
    const std::string& what = call.segments.front();
    if (what == "objects") return object(request, call, responder);
    static const std::pair<const char*, Command> kCalls[] = {{"register", Command::Register},
                                                             {"register-new", Command::RegisterNew},
                                                             {"ping", Command::Ping},
                                                             {"unregister", Command::Unregister}};
    for (const auto& [name, command] : kCalls) {
        if (what != name) continue;
        if (request.method != "PUT") return responder->send(plain_answer(405));
        return registration(request, call, command, responder);
    }
    HttpResponse response;
    response.status = 404;
    response.content_type = "text/plain; charset=utf-8";
    response.body = "404 page not found\n";
    responder->send(std::move(response));
}

void SpiServer::registration(const HttpRequest& request, const Call& call, Command command, const Responder& responder) {
    const auto persistent = persistence_of(request);
    if (!persistent) return responder->send(plain_answer(400));
    const NodeKey named{call.segments.size() > 1 ? call.segments[1] : "", call.segments.size() > 2 ? call.segments[2] : "",
                        call.segments.size() > 3 ? call.segments[3] : ""};
    if (named != call.peer) {
        host_.log().log(LogLevel::Warning,
                        "Node " + call.peer.org + "/" + call.peer.type + "/" + call.peer.id + " uses the URL of another identity");
    }
    Message message;
    message.command = command;
    message.is_persistent = *persistent;
    message.protocol = "http";
    message.code_version = "1.0";
    message.capabilities = split_list(request.header(kCapabilitiesHeader));
    const bool greets = command == Command::Register || command == Command::RegisterNew;
    // Never for register-new: the traditional node would repeat it without end (node protocol 6.3).
    const bool tells_unknown = command == Command::Register || command == Command::Ping;
    host_.handle(call.peer, std::move(message), [responder, greets, tells_unknown](HandleResult result) {
        int status = status_of(result.verdict);
        if (result.verdict == Verdict::UnknownPeer && tells_unknown) status = 404;
        if (status == 404 && !tells_unknown) status = 409;
        HttpResponse response = plain_answer(status, result.reason);
        if (greets) response.headers.push_back({kCapabilitiesHeader, kCapabilities});
        responder->send(std::move(response));
    });
}

void SpiServer::poll(const HttpRequest& request, const Call& call, const Responder& responder) {
    PollRequest wanted;
    wanted.wait = std::chrono::seconds(preferred_wait(request.header("Prefer")));
    const auto parked = std::make_shared<ParkedPoll>();
    if (wanted.wait.count() > 0) {
        responder->on_gone([this, parked] {
            std::uint64_t handle = 0;
            {
                const std::lock_guard lock(parked->mutex);
                parked->is_gone = true;
                handle = parked->handle;
            }
            if (handle != 0) host_.cancel_poll(handle);
        });
    }
    const std::uint64_t handle = host_.poll(call.peer, wanted, [responder](PollResult result) {
        HttpResponse response;
        response.status = result.items.empty() ? 204 : 200;
        if (result.verdict != Verdict::Accepted) {
            response = plain_answer(status_of(result.verdict));
        } else if (!result.items.empty()) {
            response.content_type = "application/json";
            response.body = codec::poll_items_to_json(result.items);
        }
        if (result.granted.count() > 0) {
            response.headers.push_back({"Preference-Applied", "wait=" + std::to_string(result.granted.count())});
        }
        responder->send(std::move(response));
    });
    bool is_gone = false;
    {
        const std::lock_guard lock(parked->mutex);
        parked->handle = handle;
        is_gone = parked->is_gone;
    }
    if (is_gone && handle != 0) host_.cancel_poll(handle);
}

void SpiServer::object(const HttpRequest& request, const Call& call, const Responder& responder) {
    const bool is_poll = call.segments.size() == 1 || (call.segments.size() == 2 && call.segments[1].empty());
    if (is_poll) return request.method == "GET" ? poll(request, call, responder) : responder->send(plain_answer(405));
    if (request.method != "GET" && request.method != "PUT") return responder->send(plain_answer(405));
    const std::vector<std::string> rest(call.segments.begin() + 1, call.segments.end());
    const bool is_resend = rest.size() == 2 && rest[1] == "resend";
    const auto path = parse_object_path(rest);
    if (!path && !is_resend) return responder->send(plain_answer(400));
    if (rest.front() != call.peer.org) return responder->send(plain_answer(403, "Unauthorized"));
    if (is_resend) {
        if (request.method != "PUT") return responder->send(plain_answer(405));
        Message message;
        message.command = Command::Resend;
        return pass_on(call.peer, std::move(message), responder);
    }
    if (request.method == "GET") {
        if (path->action != "data") return responder->send(plain_answer(405));
        return send_data(host_, request, call.peer, *path, *responder);
    }
    notification(request, call, *path, responder);
}

void SpiServer::pass_on(const NodeKey& peer, Message message, const Responder& responder) {
    host_.handle(peer, std::move(message),
                 [responder](HandleResult result) { responder->send(plain_answer(status_of(result.verdict), result.reason)); });
}

void SpiServer::notification(const HttpRequest& request, const Call& call, const ObjectPath& path, const Responder& responder) {
    const auto command = command_of(path.action);
    if (!command) return responder->send(plain_answer(400));
    Message message;
    message.command = *command;
    if (has_metadata(*command)) {
        message.meta = codec::metadata_from_json(request.body);
        const bool is_same_object = message.key() == path.key;
        const bool is_same_instance = message.meta.instance_id == 0 || message.meta.instance_id == path.instance_id;
        if (!is_same_object || !is_same_instance)
            return responder->send(plain_answer(400, "The body is about another object or version than the URL"));
    }
    if (*command == Command::Feedback) message.feedback = codec::feedback_from_json(request.body);
    message.meta.org = path.key.org;
    message.meta.object_type = path.key.type;
    message.meta.object_id = path.key.id;
    message.meta.instance_id = path.instance_id;
    if (!has_metadata(*command) || message.meta.data_id == 0) message.meta.data_id = path.data_id;
    pass_on(call.peer, std::move(message), responder);
}

}  // namespace edgesync::transport_http
