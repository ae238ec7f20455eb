// ESS: one connection to the CSS. Poco parses and encrypts; octets pass through our own windows, because Poco's HTTP streams move
// them in steps of 4 KiB.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPResponse.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "call_limit.h"
#include "edgesync/sdk/network_guard.h"
#include "open_sockets.h"

namespace edgesync::transport_http {

struct CssAddress {
    std::string host;
    std::uint16_t port = 0;
    bool is_tls = false;
    std::string ca;  ///< Path of a PEM file or PEM text; replaces the system's roots. Empty: those.
    PinnedCertificates pinned;
    bool allows_private = true;  ///< False: a host with a private address is never connected to.
};

/// One thread at a time; OpenSockets::stop may end its waits. All failures of the line are Error{NotConnected} or Error{Timeout}.
class CssLine {
public:
    /// Connects. `trust` null: no TLS. Looks at `sockets` while it waits.
    CssLine(const CssAddress& address, Poco::Net::Context::Ptr trust, OpenSockets& sockets, const CallLimit& limit);
    ~CssLine();
    CssLine(const CssLine&) = delete;
    CssLine& operator=(const CssLine&) = delete;

    void send(std::string_view octets, const CallLimit& limit);
    /// The head of the final answer; interim ones (1xx) are skipped, but 100 is returned if `stops_at_100`.
    void receive_head(Poco::Net::HTTPResponse& response, const CallLimit& limit, bool stops_at_100 = false);
    /// At least one octet of the body, 0 when it is complete. Which octets belong to it follows from the head received last.
    std::size_t receive_body(std::span<char> out, const CallLimit& limit);

    /// Something arrived or the connection ended. Under TLS true may also mean a message of TLS itself.
    bool is_readable(std::chrono::milliseconds wait) const;
    bool is_tls() const { return is_tls_; }
    /// The answer was taken whole, and the other end keeps the connection.
    bool is_reusable() const { return is_kept_ && body_ == Body::None; }

    CallLimit::Clock::time_point unused_since{};

private:
    enum class Body { None, Length, Chunked, UntilClose };
    /// Opens up what Poco keeps for its own streams.
    class OpenSession;

    Poco::Net::StreamSocket connect(const CssAddress& address, const CallLimit& limit);
    void set_body(const Poco::Net::HTTPResponse& response);
    std::size_t receive_some(std::span<char> out);
    bool begin_chunk();
    std::string receive_text_line();
    void set_wait(const CallLimit& limit);
    template <typename F>
    auto guarded(F&& f);

    const std::string name_;
    const bool is_tls_;
    OpenSockets& sockets_;
    int descriptor_ = -1;
    std::unique_ptr<OpenSession> session_;
    Body body_ = Body::None;
    std::int64_t left_ = 0;  ///< Octets of the body or of the current chunk.
    bool is_first_chunk_ = false;
    bool is_kept_ = false;
};

}  // namespace edgesync::transport_http
