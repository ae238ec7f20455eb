#include "http_transport.h"

#include <filesystem>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"

namespace edgesync::transport_http {
namespace {

bool is_registration(Command command) {
    return command == Command::Register || command == Command::RegisterNew || command == Command::Ping || command == Command::Unregister;
}

const char* registration_name(Command command) {
    switch (command) {
        case Command::Register: return "register";
        case Command::RegisterNew: return "register-new";
        case Command::Ping: return "ping";
        default: return "unregister";
    }
}

PeerAnswer answer_of(const CssAnswer& answer) {
    PeerAnswer result;
    result.verdict = verdict_of(answer.status);
    result.reason = "status " + std::to_string(answer.status);
    if (!answer.body.empty()) result.reason += ": " + answer.body.substr(0, answer.body.find('\n')).substr(0, 500);
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
    const bool is_path = !address_.ca.empty() && address_.ca.find("-----BEGIN") == std::string::npos;
    if (is_path && address_.ca.front() != '/') address_.ca = (std::filesystem::path(settings.persistence_root()) / address_.ca).string();
    if (is_path && !std::filesystem::exists(address_.ca)) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSCACertificate names " + address_.ca + ", which does not exist");
    }
    timeout_ = std::chrono::seconds(settings.integer("HTTPESSClientTimeout"));
    data_timeout_ = std::chrono::seconds(settings.integer("HTTPESSObjClientTimeout"));
    if (data_timeout_.count() == 0) data_timeout_ = std::chrono::hours(24);
    poll_options_.interval = std::chrono::seconds(settings.integer("HTTPPollingInterval"));
    poll_options_.is_push_wanted = settings.boolean("HTTPPush");
    poll_options_.wait = std::chrono::seconds(settings.integer("HTTPMaxWait"));
    poll_options_.timeout = timeout_;
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

CssCall HttpTransport::call_for(const Message& message) const {
    CssCall call;
    call.method = "PUT";
    call.timeout = timeout_;
    const NodeKey self = host_->self();
    if (is_registration(message.command)) {
        call.path = std::string(kPrefix) + registration_name(message.command) + "/" + encode_segment(self.org) + "/" +
                    encode_segment(self.type) + "/" + encode_segment(self.id);
        if (message.command != Command::Unregister)
            call.path += std::string("?persistent-storage=") + (message.is_persistent ? "true" : "false");
        if (message.command == Command::Register || message.command == Command::RegisterNew) {
            call.headers.push_back({kCapabilitiesHeader, kCapabilities});
        }
        return call;
    }
    if (message.command == Command::Resend) {
        call.path = std::string(kPrefix) + "objects/" + encode_segment(self.org) + "/resend";
        return call;
    }
    call.path = object_url(message.key(), message.meta.instance_id, message.meta.data_id, to_string(message.command));
    if (message.command == Command::Update || message.command == Command::Delete || message.command == Command::Deleted) {
        call.body = codec::to_json(message.meta);
    }
    if (message.command == Command::Feedback) call.body = codec::to_json(message.feedback);
    return call;
}

PeerAnswer HttpTransport::send(const NodeKey&, const Message& message) {
    if (is_css_) throw Error(ErrorKind::Unsupported, "A CSS cannot reach a node over HTTP unasked");
    const CssAnswer answer = client_->call(call_for(message));
    PeerAnswer result = answer_of(answer);
    if (is_registration(message.command) && answer.status == 404) result.verdict = Verdict::UnknownPeer;
    result.capabilities = split_list(answer.header(kCapabilitiesHeader));
    return result;
}

PeerAnswer HttpTransport::fetch(const NodeKey&, const DataRequest& request, DataSink& sink) {
    CssCall call;
    call.method = "GET";
    call.path = object_url(request.key, request.instance_id, request.data_id, "data");
    call.timeout = data_timeout_;
    const bool is_part = request.length > 0;
    if (is_part) {
        call.headers.push_back(
            {"Range", "bytes=" + std::to_string(request.offset) + "-" + std::to_string(request.offset + request.length - 1)});
    }
    bool is_wanted = false;
    call.wants_stream = [&](const CssAnswer& head) {
        const bool is_whole = head.status == 200;
        if (!is_whole && (head.status != 206 || !is_part || head.content_length < 0)) return false;
        is_wanted = sink.begin(is_whole && is_part, head.content_length, codec::sha256_from_digest_field(head.header("Repr-Digest")));
        return true;
    };
    call.sink = [&](std::span<const std::byte> octets) { return is_wanted && sink.write(octets); };
    return answer_of(client_->call(call));
}

PeerAnswer HttpTransport::push(const NodeKey&, const DataRequest& request, BlobReader& source, const std::string& sha256) {
    CssCall call;
    call.method = "PUT";
    call.path = object_url(request.key, request.instance_id, request.data_id, "data");
    call.timeout = data_timeout_;
    call.headers.push_back({"Content-Type", "application/octet-stream"});
    if (!sha256.empty()) call.headers.push_back({"Repr-Digest", codec::to_digest_field(sha256)});
    call.body_length = source.size();
    if (request.length > 0) {
        call.body_length = request.length;
        call.headers.push_back({"Content-Range", "bytes " + std::to_string(request.offset) + "-" +
                                                     std::to_string(request.offset + request.length - 1) + "/" +
                                                     std::to_string(request.total)});
    }
    call.source = [&](std::int64_t offset, std::span<std::byte> out) { return source.read(request.offset + offset, out); };
    return answer_of(client_->call(call));
}

}  // namespace edgesync::transport_http
