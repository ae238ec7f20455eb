/// @file
/// Routes that a plugin mounts on the kernel's listener. Plain types; the listener's library stays in the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/store.h"

namespace edgesync {

/// One header field.
struct HttpHeader {
    std::string name;   ///< In any case of letters.
    std::string value;  ///< Without blanks around it.
};

/// A request whose head has been read; within the listener's limits.
struct HttpRequest {
    std::string method;                ///< "GET", "PUT", ...
    std::string path;                  ///< Raw, still percent-encoded, without the query.
    std::string query;                 ///< Raw, without '?'.
    std::vector<HttpHeader> headers;   ///< In their order; a name may occur more than once.
    std::string body;                  ///< Empty for a streamed body.
    std::int64_t content_length = -1;  ///< -1: chunked. 0: no body.
    std::string remote_address;        ///< Of the client or the proxy before it, "10.0.0.1:40000", "[::1]:40000" or "unix".
    bool is_secure = false;            ///< Over TLS.

    /// The first header of that name (any case); empty if there is none.
    std::string_view header(std::string_view name) const noexcept;
    /// Whether there is one of that name (any case), even an empty one.
    bool has_header(std::string_view name) const noexcept;
    /// The first query parameter of that name, percent-decoded, '+' as space; nullopt if absent.
    /// @throws Error{InvalidRequest} bad escape, more than 4 KiB
    std::optional<std::string> parameter(std::string_view name) const;
};

/// Splits a raw path at '/' and decodes each segment once. @throws Error{InvalidRequest} malformed escape, NUL, CR, LF, decoded '/',
/// '.', '..', an empty inner segment or one of more than 1 KiB. A trailing '/' gives a last empty segment.
std::vector<std::string> split_path(std::string_view raw_path);

/// What a Content-Range says of a body: it is the octets [begin, end), at least one, of `total`.
struct ContentRange {
    std::int64_t begin = 0;  ///< First octet.
    std::int64_t end = 0;    ///< One after the last octet.
    std::int64_t total = 0;  ///< Of the whole data.
};
/// "bytes a-b/total", all of them decimal numbers. nullopt: another form, or octets that the total does not have.
std::optional<ContentRange> parse_content_range(std::string_view field);

/// The largest data of one object: what common file systems address in one file. Who announces more gets 413.
inline constexpr std::int64_t kLargestData = (std::int64_t{1} << 44U) - 4096;

/// Percent-encodes all octets but unreserved ones and '@'.
std::string encode_segment(std::string_view segment);

/// An answer. Its content is made by `generate` if that is set, else read from `blob` if that is set, else it is `body`.
struct HttpResponse {
    int status = 200;                 ///< HTTP status.
    std::string content_type;         ///< Empty: no header.
    std::vector<HttpHeader> headers;  ///< Besides Content-Type, Content-Length, Date, Connection.
    std::string body;                 ///< Content in memory.
    /// Octets [blob_offset, blob_offset + blob_length) of it; sent with sendfile when it has a descriptor and there is no TLS.
    std::unique_ptr<BlobReader> blob;
    std::int64_t blob_offset = 0;  ///< First octet of `blob` that is sent.
    std::int64_t blob_length = 0;  ///< Octets of `blob` that are sent; it must have them.
    /// Appends the next piece (some 64 KiB) to `out`; returns false after the last one. Called on a worker thread that may
    /// block, once the previous piece is on its way. Sent with chunked transfer coding, to an HTTP/1.0
    /// client until the end of the connection.
    std::function<bool(std::string& out)> generate;
    bool close = false;  ///< End the connection after this answer.
};

/// The way back to the client. Thread-safe; `send` once, from any thread, at any later time. Dropping it unanswered sends 500.
class HttpResponder {
public:
    virtual ~HttpResponder() = default;
    /// Answers; returns at once.
    virtual void send(HttpResponse response) = 0;
    /// `gone` is called at most once, on an I/O thread, when the client closes before the answer. Only for answers that are
    /// parked (long-poll); must not block.
    virtual void on_gone(std::function<void()> gone) = 0;
};

/// Takes a streamed body. Calls come one after another, on worker threads that may block.
class HttpBodySink {
public:
    virtual ~HttpBodySink() = default;
    /// Before the first octet (and before "100 Continue"). False: an answer was sent, the body is not wanted.
    virtual bool start() = 0;
    /// The next window, at most 1 MiB. False: an answer was sent, the rest is not wanted.
    virtual bool write(std::span<const std::byte> window) = 0;
    /// The body is complete; the sink must answer now or later through its responder.
    virtual void finish() = 0;
    /// The connection broke or stalled before the end; no answer is possible.
    virtual void abort() noexcept = 0;
};

/// Serves a prefix of the path. Thread-safe.
class HttpHandler {
public:
    virtual ~HttpHandler() = default;
    /// Largest body that is collected into HttpRequest::body; a longer one gets 413. Called with the headers alone.
    virtual std::int64_t body_limit(const HttpRequest& request) const = 0;
    /// A sink, if this request's body is to be streamed; null: it is collected, or it was answered here already. Called where `handle` is.
    /// The default streams nothing.
    virtual std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
        (void)request;
        (void)responder;
        return nullptr;
    }
    /// Called on an I/O thread, or on a worker when the store's reads or the check of the credentials may block. Must not wait for the
    /// network. Answers through `responder`, now or later. An exception is answered with 500 and a line in the log.
    virtual void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) = 0;
};

}  // namespace edgesync
