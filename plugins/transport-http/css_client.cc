#include "css_client.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"
#include "tls_trust.h"

namespace edgesync::transport_http {
namespace {

constexpr std::size_t kLargestBody = 32 * 1024 * 1024;
/// A window is handed on when it is full or this old, so that a slow line loses little when it breaks.
constexpr std::chrono::milliseconds kWindowAge{500};
constexpr std::size_t kPage = 4096;
/// Larger bodies are announced under TLS, where an early refusal cannot be seen while the body is on its way.
constexpr std::int64_t kAnnouncedBody = 1024 * 1024;
constexpr std::chrono::milliseconds kContinueWait{1000};

bool equals_any_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
           });
}

CssAnswer answer_of(const Poco::Net::HTTPResponse& response) {
    CssAnswer answer;
    answer.status = response.getStatus();
    for (const auto& [name, value] : response) answer.headers.push_back({name, value});
    if (response.hasContentLength()) answer.content_length = response.getContentLength64();
    return answer;
}

bool has_body(const CssCall& call) { return call.method != "GET"; }

std::int64_t length_of(const CssCall& call) { return call.source ? call.body_length : static_cast<std::int64_t>(call.body.size()); }

}  // namespace

std::string CssAnswer::header(std::string_view name) const {
    for (const auto& field : headers) {
        if (equals_any_case(field.name, name)) return field.value;
    }
    return {};
}

CssClient::CssClient(CssAddress address, NodeKey self, Credentials credentials)
    : address_(std::move(address)), self_(std::move(self)), credentials_(std::move(credentials)) {
    if (address_.is_tls) trust_ = make_trust(address_.ca, address_.host, address_.pinned);
}

CssClient::~CssClient() { stop(); }

std::string CssClient::base_url() const {
    const bool is_ipv6 = address_.host.find(':') != std::string::npos;
    return std::string(address_.is_tls ? "https" : "http") + "://" + (is_ipv6 ? "[" + address_.host + "]" : address_.host) + ":" +
           std::to_string(address_.port);
}

CssClient::Line CssClient::take_idle() {
    close_unused();
    for (;;) {
        Line line;
        {
            const std::lock_guard lock(mutex_);
            if (idle_.empty()) return nullptr;
            line = std::move(idle_.back());
            idle_.pop_back();
        }
        // Nothing was asked, so anything that arrived means the end.
        if (!line->is_readable(std::chrono::milliseconds(0))) return line;
    }
}

void CssClient::keep(Line line) {
    line->unused_since = CallLimit::Clock::now();
    const std::lock_guard lock(mutex_);
    if (!sockets_.is_stopped() && idle_.size() < kMaxIdle) idle_.push_back(std::move(line));
}

void CssClient::close_unused(std::chrono::seconds age) {
    std::vector<Line> closing;  // Destroyed after the lock: the end of TLS is a message.
    const auto oldest = CallLimit::Clock::now() - age;
    const std::lock_guard lock(mutex_);
    while (!idle_.empty() && idle_.front()->unused_since <= oldest) {
        closing.push_back(std::move(idle_.front()));
        idle_.erase(idle_.begin());
    }
}

void CssClient::stop() noexcept {
    sockets_.stop();
    std::vector<Line> closing;
    const std::lock_guard lock(mutex_);
    closing.swap(idle_);
}

std::string CssClient::head_of(const CssCall& call, bool expects_continue) const {
    const std::string url = base_url();
    std::string head = call.method + " " + call.path + " HTTP/1.1\r\nHost: " + url.substr(url.find("//") + 2) + "\r\n";
    const auto [user, password] = credentials_(url + call.path);
    if (!user.empty()) head += "Authorization: Basic " + codec::base64_encode(user + ":" + password) + "\r\n";
    head += std::string(kIdentityHeader) + ": " + self_.org + "/" + self_.type + "/" + self_.id + "\r\n";
    for (const auto& field : call.headers) head += field.name + ": " + field.value + "\r\n";
    if (has_body(call)) head += "Content-Length: " + std::to_string(length_of(call)) + "\r\n";
    if (expects_continue) head += "Expect: 100-continue\r\n";
    return head + "\r\n";
}

/// False: the answer came before the end of the body, or the other end does not take it any more.
bool CssClient::send_from_source(CssLine& line, const CssCall& call, const CallLimit& limit) const {
    const auto size = static_cast<std::size_t>(std::min<std::int64_t>(kWindow, call.body_length));
    const auto window = std::make_unique_for_overwrite<std::byte[]>(size);
    for (std::int64_t offset = 0; offset < call.body_length;) {
        if (offset > 0 && !line.is_tls() && line.is_readable(std::chrono::milliseconds(0))) return false;
        const auto wanted = static_cast<std::size_t>(std::min(static_cast<std::int64_t>(size), call.body_length - offset));
        const std::size_t count = call.source(offset, {window.get(), wanted});
        if (count == 0) throw Error(ErrorKind::Corrupt, "The data to send ends before its size");
        try {
            line.send({reinterpret_cast<const char*>(window.get()), count}, limit);
        } catch (const Error& error) {
            // The CSS may have refused and closed; then its answer is still to be read.
            if (error.kind() != ErrorKind::NotConnected || sockets_.is_stopped()) throw;
            return false;
        }
        offset += static_cast<std::int64_t>(count);
    }
    return true;
}

bool CssClient::send_body(CssLine& line, const CssCall& call, const CallLimit& limit) const {
    if (!call.source || call.body_length == 0) {
        line.send(head_of(call, false) + call.body, limit);  // One segment where it fits.
        return true;
    }
    const bool expects_continue = line.is_tls() && call.body_length > kAnnouncedBody;
    line.send(head_of(call, expects_continue), limit);
    if (expects_continue && line.is_readable(kContinueWait)) return false;
    return send_from_source(line, call, limit);
}

bool CssClient::stream_body(CssLine& line, const CssCall& call, const CallLimit& limit) {
    // A store may write what begins at a page past the cache.
    const std::unique_ptr<char, decltype(&std::free)> window(static_cast<char*>(std::aligned_alloc(kPage, kWindow)), &std::free);
    if (!window) throw std::bad_alloc();
    for (bool is_complete = false; !is_complete;) {
        const auto begin = CallLimit::Clock::now();
        std::size_t filled = 0;
        while (filled < kWindow && (filled == 0 || CallLimit::Clock::now() - begin < kWindowAge)) {
            const std::size_t count = line.receive_body({window.get() + filled, kWindow - filled}, limit);
            is_complete = count == 0;
            if (is_complete) break;
            filled += count;
        }
        if (filled > 0 && !call.sink(std::as_bytes(std::span(window.get(), filled)))) return false;
    }
    return true;
}

std::string CssClient::collect_body(CssLine& line, const CallLimit& limit) {
    std::string body;
    char window[16 * 1024];
    while (const std::size_t count = line.receive_body(window, limit)) {
        if (body.size() + count > kLargestBody) throw Error(ErrorKind::NotConnected, "The CSS sends an answer of more than 32 MiB");
        body.append(window, count);
    }
    return body;
}

CssAnswer CssClient::exchange(Line& line, const CssCall& call, const CallLimit& limit, bool& has_answer) {
    bool is_sent = send_body(*line, call, limit);
    Poco::Net::HTTPResponse response;
    line->receive_head(response, limit, !is_sent && line->is_tls());
    if (response.getStatus() == 100) {
        is_sent = send_from_source(*line, call, limit);
        line->receive_head(response, limit);
    }
    has_answer = true;
    CssAnswer answer = answer_of(response);
    if (call.wants_stream && call.wants_stream(answer)) {
        stream_body(*line, call, limit);
    } else {
        answer.body = collect_body(*line, limit);
    }
    if (is_sent && line->is_reusable()) keep(std::move(line));
    return answer;
}

CssAnswer CssClient::call(const CssCall& call) {
    const CallLimit limit(call.timeout, call.stall);
    bool has_answer = false;
    if (Line line = take_idle()) {
        try {
            return exchange(line, call, limit, has_answer);
        } catch (const Error& error) {
            // A connection that was kept may have been closed by the other end meanwhile; a fresh one tells the truth.
            if (error.kind() != ErrorKind::NotConnected || has_answer || sockets_.is_stopped()) throw;
        }
    }
    Line line = std::make_unique<CssLine>(address_, trust_, sockets_, limit);
    return exchange(line, call, limit, has_answer);
}

}  // namespace edgesync::transport_http
