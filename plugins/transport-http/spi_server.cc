#include "spi_server.h"

#include <atomic>
#include <charconv>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_data.h"

namespace edgesync::transport_http {
namespace {

/// Metadata with ten thousand list entries fits.
constexpr std::int64_t kLargestBody = 4 * 1024 * 1024;
constexpr int kLongestWait = 300;

/// The value of "wait" in a Prefer header (RFC 7240); 0: none.
int wanted_wait(std::string_view prefer) {
    for (const auto& item : split_list(prefer)) {
        if (!item.starts_with("wait=")) continue;
        int seconds = 0;
        const auto [end, error] = std::from_chars(item.data() + 5, item.data() + item.size(), seconds);
        if (error == std::errc{} && end == item.data() + item.size() && seconds >= 1) return std::min(seconds, kLongestWait);
    }
    return 0;
}

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

}  // namespace

HttpResponse plain_answer(int status, const std::string& reason) {
    HttpResponse response;
    response.status = status;
    if (reason.empty() || status == 204 || status == 404 || status == 405 || status == 424) return response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = status == 403 ? reason : reason + "\n";
    return response;
}

std::optional<NodeKey> admit(TransportHost& host, const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    if (!host.is_running()) {
        responder->send(plain_answer(503));
        return std::nullopt;
    }
    auto peer = host.authenticate_node(request);
    if (!peer) responder->send(plain_answer(403, "Unauthorized"));
    return peer;
}

std::int64_t SpiServer::body_limit(const HttpRequest&) const { return kLargestBody; }

std::unique_ptr<HttpBodySink> SpiServer::stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    if (request.method != "PUT" || !request.path.starts_with("/spi/v1/objects/") || !request.path.ends_with("/data")) return nullptr;
    return std::make_unique<DataUpload>(host_, request, responder);
}

void SpiServer::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    try {
        const auto peer = admit(host_, request, responder);
        if (!peer) return;
        Call call;
        call.peer = *peer;
        std::string_view rest = request.path;
        rest.remove_prefix(std::min(rest.size(), std::string_view(kPrefix).size()));
        call.segments = split_path(rest);
        dispatch(request, call, responder);
    } catch (const Error& error) {
        responder->send(plain_answer(error.kind() == ErrorKind::InvalidRequest ? 400 : 500, error.what()));
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
    const auto persistent = parse_flag(request.parameter("persistent-storage").value_or(""));
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
    host_.handle(call.peer, std::move(message), [responder, greets](HandleResult result) {
        // Only these calls tell a node by 404 that it is unknown.
        const bool is_unknown = result.verdict == Verdict::UnknownPeer;
        HttpResponse response = plain_answer(is_unknown ? 404 : status_of(result.verdict), result.reason);
        if (greets) response.headers.push_back({kCapabilitiesHeader, kCapabilities});
        responder->send(std::move(response));
    });
}

void SpiServer::poll(const HttpRequest& request, const Call& call, const Responder& responder) {
    PollRequest wanted;
    wanted.wait = std::chrono::seconds(wanted_wait(request.header("Prefer")));
    auto handle = std::make_shared<std::atomic<std::uint64_t>>(0);
    responder->on_gone([this, handle] {
        if (const std::uint64_t parked = handle->load()) host_.cancel_poll(parked);
    });
    handle->store(host_.poll(call.peer, wanted, [responder](PollResult result) {
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
    }));
}

void SpiServer::object(const HttpRequest& request, const Call& call, const Responder& responder) {
    const bool is_poll = call.segments.size() == 1 || (call.segments.size() == 2 && call.segments[1].empty());
    if (is_poll) return request.method == "GET" ? poll(request, call, responder) : responder->send(plain_answer(405));
    if (request.method != "GET" && request.method != "PUT") return responder->send(plain_answer(405));
    const std::vector<std::string> rest(call.segments.begin() + 1, call.segments.end());
    if (rest.front() != call.peer.org) return responder->send(plain_answer(403, "Unauthorized"));
    if (rest.size() == 2 && rest[1] == "resend") {
        if (request.method != "PUT") return responder->send(plain_answer(405));
        Message message;
        message.command = Command::Resend;
        return pass_on(call.peer, std::move(message), responder);
    }
    const auto path = parse_object_path(rest);
    if (!path) return responder->send(plain_answer(400));
    if (request.method == "GET") {
        return path->action == "data" ? download(request, call, *path, responder) : responder->send(plain_answer(405));
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

void SpiServer::download(const HttpRequest& request, const Call& call, const ObjectPath& path, const Responder& responder) {
    OpenedData opened = host_.open_data(call.peer, path.key, path.instance_id, path.data_id);
    if (opened.verdict != Verdict::Accepted) return responder->send(plain_answer(status_of(opened.verdict), opened.reason));
    const std::int64_t size = opened.reader->size();
    RequestedRange range{0, size};
    if (request.has_header("Range")) {
        const auto wanted = parse_range(request.header("Range"), size);
        if (!wanted) return responder->send(plain_answer(400, "Invalid Range header"));
        if (wanted->begin >= wanted->end) return responder->send(plain_answer(404));
        range = *wanted;
    }
    HttpResponse response;
    response.content_type = "application/octet-stream";
    if (!opened.sha256.empty()) response.headers.push_back({"Repr-Digest", codec::to_digest_field(opened.sha256)});
    if (range.begin != 0 || range.end != size) {
        response.status = 206;
        response.headers.push_back(
            {"Content-Range", "bytes " + std::to_string(range.begin) + "-" + std::to_string(range.end - 1) + "/" + std::to_string(size)});
    }
    response.blob = std::move(opened.reader);
    response.blob_offset = range.begin;
    response.blob_length = range.end - range.begin;
    responder->send(std::move(response));
}

}  // namespace edgesync::transport_http
