// ESS: HTTP exchanges with the CSS over a small pool of kept-alive connections.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/object.h"

namespace Poco::Net {
class HTTPClientSession;
class HTTPRequest;
class HTTPResponse;
}  // namespace Poco::Net

namespace edgesync::transport_http {

struct CssAddress {
    std::string host;
    std::uint16_t port = 0;
    bool is_tls = false;
    std::string ca;  ///< Path of a PEM file or PEM text; replaces the system's roots. Empty: those.
};

struct CssAnswer {
    int status = 0;
    std::vector<HttpHeader> headers;
    std::int64_t content_length = -1;
    std::string body;  ///< At most a few MiB; empty when a sink took it.

    std::string header(std::string_view name) const;
};

struct CssCall {
    std::string method;
    std::string path;
    std::vector<HttpHeader> headers;
    std::string body;
    /// A body in pieces instead: fills the span, returns how many octets; 0 ends. With `body_length`.
    std::function<std::size_t(std::int64_t offset, std::span<std::byte> out)> source;
    std::int64_t body_length = 0;
    /// Called with the head; true: the body goes to `sink` in pieces, which may stop it by false.
    std::function<bool(const CssAnswer& head)> wants_stream;
    std::function<bool(std::span<const std::byte>)> sink;
    std::chrono::seconds timeout{120};  ///< Of each wait for the line.
};

/// Thread-safe; calls block up to their time-out.
class CssClient {
public:
    using Credentials = std::function<std::pair<std::string, std::string>(const std::string& url)>;

    CssClient(CssAddress address, NodeKey self, Credentials credentials);
    ~CssClient();

    /// @throws Error{NotConnected}, Error{Timeout}
    CssAnswer call(const CssCall& call);
    /// Ends calls in progress and refuses new ones.
    void stop();
    std::string base_url() const;

private:
    using Session = std::unique_ptr<Poco::Net::HTTPClientSession>;

    Session take(bool& is_reused);
    void give_back(Session session);
    CssAnswer exchange(Poco::Net::HTTPClientSession& session, const CssCall& call);
    void send(Poco::Net::HTTPClientSession& session, const CssCall& call);
    Session connect();

    static constexpr std::size_t kMaxIdle = 8;

    const CssAddress address_;
    const NodeKey self_;
    const Credentials credentials_;
    std::mutex mutex_;
    std::vector<Session> idle_;
    std::set<Poco::Net::HTTPClientSession*> active_;
    bool is_stopped_ = false;
    struct Tls;
    std::unique_ptr<Tls> tls_;
};

}  // namespace edgesync::transport_http
