#include "css_line.h"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPHeaderStream.h>
#include <Poco/Net/HostEntry.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "edgesync/sdk/error.h"

namespace edgesync::transport_http {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{15000};
/// How soon a wait for a connection notices that the node stops.
constexpr std::chrono::milliseconds kConnectStep{100};
constexpr std::size_t kLongestChunkLine = 4096;

Poco::Timespan timespan(std::chrono::milliseconds duration) { return {static_cast<Poco::Timespan::TimeDiff>(duration.count()) * 1000}; }

}  // namespace

class CssLine::OpenSession : public Poco::Net::HTTPClientSession {
public:
    using Poco::Net::HTTPClientSession::HTTPClientSession;
    int next_octet() { return get(); }
    int next_octets(std::span<char> out) { return read(out.data(), static_cast<std::streamsize>(out.size())); }
};

/// Turns Poco's exceptions into ours.
template <typename F>
auto CssLine::guarded(F&& f) {
    try {
        return f();
    } catch (const Poco::TimeoutException&) {
        throw Error(ErrorKind::Timeout, name_ + " does not answer in time");
    } catch (const Poco::Exception& error) {
        // A failure inside of a stream shows as an empty message; the session remembers what it was.
        const Poco::Exception* cause = session_ ? session_->networkException() : nullptr;
        if (dynamic_cast<const Poco::TimeoutException*>(cause) != nullptr)
            throw Error(ErrorKind::Timeout, name_ + " does not answer in time");
        throw Error(ErrorKind::NotConnected, name_ + ": " + (cause ? *cause : error).displayText());
    }
}

CssLine::CssLine(const CssAddress& address, Poco::Net::Context::Ptr trust, OpenSockets& sockets, const CallLimit& limit)
    : name_(address.host + ":" + std::to_string(address.port)), is_tls_(!trust.isNull()), sockets_(sockets) {
    guarded([&] {
        Poco::Net::StreamSocket socket = connect(address, limit);
        descriptor_ = socket.impl()->sockfd();
        sockets_.add(descriptor_);
        try {
            socket.setNoDelay(true);
            socket.setReceiveTimeout(timespan(limit.next_wait()));
            socket.setSendTimeout(timespan(limit.next_wait()));
            // Not HTTPSClientSession: it refuses a socket that is connected already, and all it adds is the connecting.
            if (is_tls_) socket = Poco::Net::SecureStreamSocket::attach(socket, address.host, trust);
            session_ = std::make_unique<OpenSession>(socket);
        } catch (...) {
            sockets_.remove(descriptor_);
            throw;
        }
    });
}

CssLine::~CssLine() { sockets_.remove(descriptor_); }

Poco::Net::StreamSocket CssLine::connect(const CssAddress& address, const CallLimit& limit) {
    const auto addresses = Poco::Net::DNS::hostByName(address.host).addresses();
    for (const auto& ip : addresses) {
        // All of them: the one that answers is up to the network. The connection goes to these, whatever the name means next.
        if (!address.allows_private && is_private_address(ip.toString()))
            throw Error(ErrorKind::NotConnected, name_ + " has the private address " + ip.toString() + ", and AllowPrivateIPs is false");
    }
    std::string problem = "no address";
    const CallLimit connecting(std::min(limit.next_wait(), kConnectTimeout), kConnectStep);
    for (const auto& ip : addresses) {
        Poco::Net::StreamSocket socket(ip.family());
        try {
            socket.connectNB({ip, address.port});
            while (!socket.poll(timespan(connecting.next_wait()), Poco::Net::Socket::SELECT_WRITE | Poco::Net::Socket::SELECT_ERROR)) {
                if (sockets_.is_stopped()) throw Error(ErrorKind::NotConnected, "The node is stopping");
            }
            if (const int code = socket.impl()->socketError()) {
                problem = std::generic_category().message(code);
                continue;
            }
            socket.setBlocking(true);
            return socket;
        } catch (const Poco::Exception& error) {
            problem = error.displayText();
        }
    }
    throw Error(ErrorKind::NotConnected, name_ + " cannot be reached: " + problem);
}

void CssLine::set_wait(const CallLimit& limit) {
    const Poco::Timespan wait = timespan(limit.next_wait());
    session_->socket().setReceiveTimeout(wait);
    session_->socket().setSendTimeout(wait);
}

void CssLine::send(std::string_view octets, const CallLimit& limit) {
    guarded([&] {
        while (!octets.empty()) {
            set_wait(limit);
            const int sent = session_->socket().sendBytes(octets.data(), static_cast<int>(octets.size()), MSG_NOSIGNAL);
            if (sent <= 0) throw Error(ErrorKind::NotConnected, name_ + " closed the connection");
            octets.remove_prefix(static_cast<std::size_t>(sent));
        }
    });
}

bool CssLine::is_readable(std::chrono::milliseconds wait) const {
    try {
        return session_->socket().impl()->poll(timespan(wait), Poco::Net::Socket::SELECT_READ);
    } catch (const Poco::Exception&) {
        return true;  // Whoever reads learns what is wrong.
    }
}

void CssLine::receive_head(Poco::Net::HTTPResponse& response, const CallLimit& limit, bool stops_at_100) {
    guarded([&] {
        for (;;) {
            set_wait(limit);
            response.clear();
            {
                Poco::Net::HTTPHeaderInputStream in(*session_);
                response.read(in);
            }
            const int status = response.getStatus();
            if (status >= 200 || (status == 100 && stops_at_100)) break;
        }
    });
    set_body(response);
}

void CssLine::set_body(const Poco::Net::HTTPResponse& response) {
    is_kept_ = response.getKeepAlive();
    left_ = 0;
    const int status = response.getStatus();
    if (status < 200 || status == 204 || status == 304) {
        body_ = Body::None;
    } else if (response.getChunkedTransferEncoding()) {
        body_ = Body::Chunked;
        is_first_chunk_ = true;
    } else if (response.hasContentLength()) {
        left_ = response.getContentLength64();
        if (left_ < 0) throw Error(ErrorKind::NotConnected, name_ + " sends a Content-Length below zero");
        body_ = left_ > 0 ? Body::Length : Body::None;
    } else {
        body_ = Body::UntilClose;
        is_kept_ = false;
    }
}

std::size_t CssLine::receive_some(std::span<char> out) {
    const int count = session_->next_octets(out);
    if (count > 0) return static_cast<std::size_t>(count);
    if (body_ == Body::UntilClose) return 0;
    throw Error(ErrorKind::NotConnected, name_ + " closed the connection in the middle of an answer");
}

std::string CssLine::receive_text_line() {
    std::string line;
    for (;;) {
        const int octet = session_->next_octet();
        if (octet < 0) throw Error(ErrorKind::NotConnected, name_ + " closed the connection in the middle of an answer");
        if (octet == '\n') break;
        if (line.size() >= kLongestChunkLine) throw Error(ErrorKind::NotConnected, name_ + " sends a malformed chunk");
        line.push_back(static_cast<char>(octet));
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

/// False: that was the last chunk, and the trailers after it were read.
bool CssLine::begin_chunk() {
    if (!is_first_chunk_ && !receive_text_line().empty()) throw Error(ErrorKind::NotConnected, name_ + " sends a malformed chunk");
    is_first_chunk_ = false;
    const std::string line = receive_text_line();
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
    if (error != std::errc{} || end == line.data() || left_ < 0) throw Error(ErrorKind::NotConnected, name_ + " sends a malformed chunk");
    if (left_ > 0) return true;
    while (!receive_text_line().empty()) {
    }
    return false;
}

std::size_t CssLine::receive_body(std::span<char> out, const CallLimit& limit) {
    if (body_ == Body::None || out.empty()) return 0;
    return guarded([&]() -> std::size_t {
        set_wait(limit);
        if (body_ == Body::Chunked && left_ == 0 && !begin_chunk()) {
            body_ = Body::None;
            return 0;
        }
        if (body_ != Body::UntilClose) out = out.first(static_cast<std::size_t>(std::min(static_cast<std::int64_t>(out.size()), left_)));
        const std::size_t count = receive_some(out);
        if (body_ != Body::UntilClose) left_ -= static_cast<std::int64_t>(count);
        if (count == 0 || (body_ == Body::Length && left_ == 0)) body_ = Body::None;
        return count;
    });
}

}  // namespace edgesync::transport_http
