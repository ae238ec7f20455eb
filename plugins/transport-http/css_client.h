// ESS: HTTP exchanges with the CSS over a small pool of kept-alive connections.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "css_line.h"
#include "edgesync/sdk/http.h"
#include "edgesync/sdk/object.h"

namespace edgesync::transport_http {

struct CssAnswer {
    int status = 0;
    std::vector<HttpHeader> headers;
    std::int64_t content_length = -1;
    std::string body;  ///< At most 32 MiB; empty when a sink took it.

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
    /// Called once, with the head; true: the body goes to `sink` in pieces of at most kWindow octets, which may stop it by false.
    std::function<bool(const CssAnswer& head)> wants_stream;
    std::function<bool(std::span<const std::byte>)> sink;
    std::chrono::milliseconds timeout{120000};  ///< Of the whole call; 0: none.
    std::chrono::milliseconds stall{120000};    ///< Of each wait for the line.
};

/// Redirects are not followed, proxies not used: every status is returned. Thread-safe; calls block up to their time-out.
class CssClient {
public:
    using Credentials = std::function<std::pair<std::string, std::string>(const std::string& url)>;
    static constexpr std::size_t kWindow = 512 * 1024;

    /// Connects nothing yet. @throws Error{InvalidRequest} for an unusable CA.
    CssClient(CssAddress address, NodeKey self, Credentials credentials);
    ~CssClient();

    /// A failure of a kept connection before any answer is repeated once on a fresh one; nothing else is repeated.
    /// @throws Error{NotConnected}, Error{Timeout}, and what source and sink throw.
    CssAnswer call(const CssCall& call);
    /// Closes connections that were not used for `age`.
    void close_unused(std::chrono::seconds age = kIdleTime);
    /// Ends calls in progress and refuses new ones; returns at once.
    void stop() noexcept;
    std::string base_url() const;

private:
    using Line = std::unique_ptr<CssLine>;

    static constexpr std::size_t kMaxIdle = 8;
    static constexpr std::chrono::seconds kIdleTime{60};

    Line take_idle();
    void keep(Line line);
    CssAnswer exchange(Line& line, const CssCall& call, const CallLimit& limit, bool& has_answer);
    std::string head_of(const CssCall& call, bool expects_continue) const;
    bool send_body(CssLine& line, const CssCall& call, const CallLimit& limit) const;
    bool send_from_source(CssLine& line, const CssCall& call, const CallLimit& limit) const;
    static bool stream_body(CssLine& line, const CssCall& call, const CallLimit& limit);
    static std::string collect_body(CssLine& line, const CallLimit& limit);

    const CssAddress address_;
    const NodeKey self_;
    const Credentials credentials_;
    Poco::Net::Context::Ptr trust_;
    OpenSockets sockets_;
    std::mutex mutex_;
    std::vector<Line> idle_;  ///< Used last: at the end.
};

}  // namespace edgesync::transport_http
