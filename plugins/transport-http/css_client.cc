#include "css_client.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/X509Certificate.h>

#include <istream>
#include <ostream>
#include <sstream>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"

namespace edgesync::transport_http {
namespace {

constexpr std::size_t kWindow = 256 * 1024;
constexpr std::size_t kLargestBody = 32 * 1024 * 1024;

bool equals_any_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
           });
}

CssAnswer head_of(const Poco::Net::HTTPResponse& response) {
    CssAnswer answer;
    answer.status = response.getStatus();
    for (const auto& [name, value] : response) answer.headers.push_back({name, value});
    if (response.hasContentLength()) answer.content_length = response.getContentLength64();
    return answer;
}

void read_streamed(std::istream& in, const std::function<bool(std::span<const std::byte>)>& sink, bool& is_drained) {
    std::vector<char> window(kWindow);
    is_drained = false;
    while (in.good()) {
        in.read(window.data(), static_cast<std::streamsize>(window.size()));
        const auto count = static_cast<std::size_t>(in.gcount());
        if (count > 0 && !sink(std::as_bytes(std::span(window.data(), count)))) return;
    }
    is_drained = in.eof();
}

std::string read_whole(std::istream& in) {
    std::string body;
    std::vector<char> window(16 * 1024);
    while (in.good()) {
        in.read(window.data(), static_cast<std::streamsize>(window.size()));
        body.append(window.data(), static_cast<std::size_t>(in.gcount()));
        if (body.size() > kLargestBody) throw Error(ErrorKind::Corrupt, "The CSS sends an answer of more than 32 MiB");
    }
    return body;
}

}  // namespace

struct CssClient::Tls {
    Poco::Net::Context::Ptr context;
};

std::string CssAnswer::header(std::string_view name) const {
    for (const auto& field : headers) {
        if (equals_any_case(field.name, name)) return field.value;
    }
    return {};
}

CssClient::CssClient(CssAddress address, NodeKey self, Credentials credentials)
    : address_(std::move(address)), self_(std::move(self)), credentials_(std::move(credentials)) {
    if (!address_.is_tls) return;
    Poco::Net::initializeSSL();
    const bool is_text = address_.ca.find("-----BEGIN") != std::string::npos;
    try {
        tls_ = std::make_unique<Tls>();
        tls_->context = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", is_text ? "" : address_.ca,
                                               Poco::Net::Context::VERIFY_STRICT, 9, address_.ca.empty());
        tls_->context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
        tls_->context->enableSessionCache();
        if (is_text) {
            std::istringstream text(address_.ca);
            tls_->context->addCertificateAuthority(Poco::Net::X509Certificate(text));
        }
    } catch (const Poco::Exception& error) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSCACertificate cannot be used: " + error.displayText());
    }
}

CssClient::~CssClient() { stop(); }

std::string CssClient::base_url() const {
    return std::string(address_.is_tls ? "https" : "http") + "://" + address_.host + ":" + std::to_string(address_.port);
}

CssClient::Session CssClient::connect() {
    Session session;
    if (tls_) {
        session = std::make_unique<Poco::Net::HTTPSClientSession>(address_.host, address_.port, tls_->context);
    } else {
        session = std::make_unique<Poco::Net::HTTPClientSession>(address_.host, address_.port);
    }
    session->setKeepAlive(true);
    session->setKeepAliveTimeout(Poco::Timespan(50, 0));
    return session;
}

CssClient::Session CssClient::take(bool& is_reused) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) throw Error(ErrorKind::NotConnected, "The node is stopping");
    is_reused = !idle_.empty();
    Session session;
    if (is_reused) {
        session = std::move(idle_.back());
        idle_.pop_back();
    } else {
        session = connect();
    }
    active_.insert(session.get());
    return session;
}

void CssClient::give_back(Session session) {
    const std::lock_guard lock(mutex_);
    active_.erase(session.get());
    if (!is_stopped_ && session->connected() && idle_.size() < kMaxIdle) idle_.push_back(std::move(session));
}

void CssClient::stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    idle_.clear();
    for (auto* session : active_) {
        try {
            if (session->connected()) session->socket().shutdown();
        } catch (const Poco::Exception&) {
            // Not connected any more: what was wanted.
        }
    }
}

void CssClient::send(Poco::Net::HTTPClientSession& session, const CssCall& call) {
    Poco::Net::HTTPRequest request(call.method, call.path, Poco::Net::HTTPMessage::HTTP_1_1);
    const auto [user, password] = credentials_(base_url() + call.path);
    request.set("Authorization", "Basic " + codec::base64_encode(user + ":" + password));
    request.set(kIdentityHeader, self_.org + "/" + self_.type + "/" + self_.id);
    for (const auto& field : call.headers) request.set(field.name, field.value);
    const bool has_body = call.method != "GET";
    if (has_body) request.setContentLength64(call.source ? call.body_length : static_cast<std::int64_t>(call.body.size()));
    session.setTimeout(Poco::Timespan(static_cast<long>(call.timeout.count()), 0));
    std::ostream& out = session.sendRequest(request);
    if (!has_body) return;
    if (!call.source) {
        out.write(call.body.data(), static_cast<std::streamsize>(call.body.size()));
        out.flush();
        return;
    }
    std::vector<std::byte> window(kWindow);
    for (std::int64_t offset = 0; offset < call.body_length && out.good();) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(window.size()), call.body_length - offset));
        const std::size_t count = call.source(offset, std::span(window).first(wanted));
        if (count == 0) throw Error(ErrorKind::Corrupt, "The data to send ends before its size");
        out.write(reinterpret_cast<const char*>(window.data()), static_cast<std::streamsize>(count));
        offset += static_cast<std::int64_t>(count);
    }
    out.flush();
}

CssAnswer CssClient::exchange(Poco::Net::HTTPClientSession& session, const CssCall& call) {
    send(session, call);
    Poco::Net::HTTPResponse response;
    std::istream& in = session.receiveResponse(response);
    CssAnswer answer = head_of(response);
    bool is_drained = true;
    if (call.wants_stream && call.wants_stream(answer)) {
        read_streamed(in, call.sink, is_drained);
    } else {
        answer.body = read_whole(in);
    }
    if (!is_drained || !response.getKeepAlive()) session.reset();
    return answer;
}

CssAnswer CssClient::call(const CssCall& call) {
    for (;;) {
        bool is_reused = false;
        Session session = take(is_reused);
        Poco::Net::HTTPClientSession* raw = session.get();
        const auto drop = [&] {
            const std::lock_guard lock(mutex_);
            active_.erase(raw);
        };
        try {
            CssAnswer answer = exchange(*session, call);
            give_back(std::move(session));
            return answer;
        } catch (const Poco::TimeoutException& error) {
            drop();
            throw Error(ErrorKind::Timeout, base_url() + " does not answer in time");
        } catch (const Poco::Exception& error) {
            drop();
            // A connection that was kept may have been closed by the other end meanwhile; a fresh one tells the truth.
            if (is_reused) continue;
            throw Error(ErrorKind::NotConnected, base_url() + ": " + error.displayText());
        } catch (...) {
            drop();
            throw;
        }
    }
}

}  // namespace edgesync::transport_http
