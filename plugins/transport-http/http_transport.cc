#include "http_transport.h"

#include <algorithm>
#include <filesystem>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"
#include "tls_trust.h"

namespace edgesync::transport_http {
namespace {

constexpr std::chrono::milliseconds kLongestStall{120000};

/// The first segment of the URL of a call without object; null: the others.
const char* registration_name(Command command) {
    switch (command) {
        case Command::Register: return "register";
        case Command::RegisterNew: return "register-new";
        case Command::Ping: return "ping";
        case Command::Unregister: return "unregister";
        default: return nullptr;
    }
}

bool announces(Command command) { return command == Command::Register || command == Command::RegisterNew; }

/// A part that is not the one asked for must never be stored at the place of the other.
bool is_wanted_part(const CssAnswer& head, const DataRequest& request) {
    if (head.content_length < 0 || head.content_length > request.length) return false;
    const std::string field = head.header("Content-Range");
    if (field.empty()) return true;
    const auto range = parse_content_range(field);
    return range && range->begin == request.offset && range->end - range->begin == head.content_length;
}

PeerAnswer answer_of(const CssAnswer& answer) {
    PeerAnswer result;
    result.verdict = verdict_of(answer.status);
    result.reason = "status " + std::to_string(answer.status);
    if (answer.status != 200 && !answer.body.empty()) result.reason += ": " + answer.body.substr(0, answer.body.find('\n')).substr(0, 500);
    return result;
}

}  // namespace

void HttpTransport::configure(const Settings& settings, Log& log) {
    log_ = &log;
    is_css_ = settings.role() == NodeRole::Css;
    if (is_css_) return;
    address_.host = settings.text("HTTPCSSHost");
    address_.port = static_cast<std::uint16_t>(settings.integer("HTTPCSSPort"));
    address_.is_tls = settings.boolean("HTTPCSSUseSSL");
    address_.ca = settings.text("HTTPCSSCACertificate");
    address_.allows_private = settings.boolean("AllowPrivateIPs");
    address_.pinned = PinnedCertificates(settings.list("HTTPCSSPinnedCertFingerprints"), "HTTPCSSPinnedCertFingerprints");
    if (!address_.pinned.empty() && !address_.is_tls) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSPinnedCertFingerprints needs TLS: set HTTPCSSUseSSL true");
    }
    const bool is_path = !address_.ca.empty() && !is_pem_text(address_.ca);
    if (is_path && address_.ca.front() != '/') address_.ca = (std::filesystem::path(settings.persistence_root()) / address_.ca).string();
    if (is_path && !std::filesystem::exists(address_.ca)) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSCACertificate names " + address_.ca + ", which does not exist");
    }
    timeout_ = std::chrono::seconds(settings.integer("HTTPESSClientTimeout"));
    data_timeout_ = std::chrono::seconds(settings.integer("HTTPESSObjClientTimeout"));
    stall_ = timeout_.count() > 0 ? std::min(timeout_, kLongestStall) : kLongestStall;
    poll_options_.interval = std::chrono::seconds(std::max<std::int64_t>(settings.integer("HTTPPollingInterval"), 1));
    poll_options_.retry_pause = std::chrono::seconds(std::max<std::int64_t>(settings.integer("ESSCallSPIRetryInterval"), 1));
    poll_options_.is_push_wanted = settings.boolean("HTTPPush");
    poll_options_.wait = std::chrono::seconds(std::clamp<std::int64_t>(settings.integer("HTTPMaxWait"), 1, 300));
    poll_options_.timeout = stall_;
}

TransportTraits HttpTransport::traits() const noexcept {
    TransportTraits traits;
    traits.sends_unasked = !is_css_;
    traits.send_is_answered = true;
    traits.fetches_data = !is_css_;
    traits.pushes_data = !is_css_;
    return traits;
}

void HttpTransport::start(TransportHost& host) {
    host_ = &host;
    if (is_css_) {
        server_ = std::make_unique<SpiServer>(host);
        host.mount(kPrefix, *server_);
        return;
    }
    client_ = std::make_unique<CssClient>(address_, host.self(), [&host](const std::string& url) { return host.credentials_for(url); });
    polling_ = std::make_unique<PollLoop>(host, *client_, poll_options_);
    polling_->start();
}

void HttpTransport::drain() {
    if (client_) client_->stop();
}

void HttpTransport::stop() noexcept {
    if (client_) client_->stop();
    if (polling_) polling_->stop();
    polling_.reset();
}

void HttpTransport::registration_changed(bool registered, const std::vector<std::string>&) {
    if (polling_) polling_->set_registered(registered);
}

std::optional<CssCall> HttpTransport::call_for(const Message& message) const {
    CssCall call;
    call.method = "PUT";
    call.timeout = timeout_;
    call.stall = stall_;
    const NodeKey self = host_->self();
    if (const char* name = registration_name(message.command)) {
        call.path =
            std::string(kPrefix) + name + "/" + encode_segment(self.org) + "/" + encode_segment(self.type) + "/" + encode_segment(self.id);
        if (message.command != Command::Unregister)
            call.path += std::string("?persistent-storage=") + (message.is_persistent ? "true" : "false");
        if (announces(message.command)) call.headers.push_back({kCapabilitiesHeader, kCapabilities});
        return call;
    }
    if (message.command == Command::Resend) {
        call.path = std::string(kPrefix) + "objects/" + encode_segment(self.org) + "/resend";
        return call;
    }
    const char* action = to_string(message.command);
    if (!command_of(action)) return std::nullopt;
    call.path = object_url(message.key(), message.meta.instance_id, message.meta.data_id, action);
    if (message.command == Command::Update || message.command == Command::Delete || message.command == Command::Deleted) {
        call.body = codec::to_json(message.meta);
    }
    if (message.command == Command::Feedback) call.body = codec::to_json(message.feedback);
    return call;
}

PeerAnswer HttpTransport::send(const NodeKey&, const Message& message) {
    if (is_css_) throw Error(ErrorKind::Unsupported, "A CSS cannot reach a node over HTTP unasked");
    const auto call = call_for(message);
    if (!call) return {};
    const CssAnswer answer = client_->call(*call);
    PeerAnswer result = answer_of(answer);
    const bool may_be_told_unknown = message.command == Command::Register || message.command == Command::Ping;
    if (answer.status == 404 && may_be_told_unknown) result.verdict = Verdict::UnknownPeer;
    if (announces(message.command)) result.capabilities = split_list(answer.header(kCapabilitiesHeader));
    return result;
}

CssCall HttpTransport::data_call(const DataRequest& request, const char* method) const {
    CssCall call;
    call.method = method;
    call.path = object_url(request.key, request.instance_id, request.data_id, "data");
    call.timeout = data_timeout_;
    call.stall = stall_;
    return call;
}

PeerAnswer HttpTransport::fetch(const NodeKey&, const DataRequest& request, DataSink& sink) {
    if (is_css_) throw Error(ErrorKind::Unsupported, "A CSS does not fetch data over HTTP");
    CssCall call = data_call(request, "GET");
    const bool is_part = request.length > 0;
    if (is_part) {
        call.headers.push_back(
            {"Range", "bytes=" + std::to_string(request.offset) + "-" + std::to_string(request.offset + request.length - 1)});
    }
    bool is_wanted = false;
    bool is_understood = false;
    call.wants_stream = [&](const CssAnswer& head) {
        const bool is_whole = head.status == 200;
        is_understood = is_whole || (head.status == 206 && is_part && is_wanted_part(head, request));
        if (!is_understood && head.status != 206) return false;
        // A refused answer is streamed to nowhere too, so that it is not collected first.
        is_wanted = is_understood &&
                    sink.begin(is_whole && is_part, head.content_length, codec::sha256_from_digest_field(head.header("Repr-Digest")));
        return true;
    };
    call.sink = [&](std::span<const std::byte> octets) { return is_wanted && sink.write(octets); };
    PeerAnswer result = answer_of(client_->call(call));
    if (result.verdict == Verdict::Accepted && !is_understood) {
        result.verdict = Verdict::Failed;
        result.reason = "The CSS answers a request for data with " + result.reason;
    }
    return result;
}

PeerAnswer HttpTransport::push(const NodeKey&, const DataRequest& request, BlobReader& source, const std::string& sha256) {
    if (is_css_) throw Error(ErrorKind::Unsupported, "A CSS does not push data over HTTP");
    CssCall call = data_call(request, "PUT");
    call.headers.push_back({"Content-Type", "application/octet-stream"});
    if (!sha256.empty()) call.headers.push_back({"Repr-Digest", codec::to_digest_field(sha256)});
    call.body_length = source.size();
    const bool is_part = request.length > 0 && !(request.offset == 0 && request.length == request.total);
    if (is_part) {
        call.body_length = request.length;
        call.headers.push_back({"Content-Range", "bytes " + std::to_string(request.offset) + "-" +
                                                     std::to_string(request.offset + request.length - 1) + "/" +
                                                     std::to_string(request.total)});
    }
    const std::int64_t first = is_part ? request.offset : 0;
    call.source = [&source, first](std::int64_t offset, std::span<std::byte> out) { return source.read(first + offset, out); };
    return answer_of(client_->call(call));
}

}  // namespace edgesync::transport_http
