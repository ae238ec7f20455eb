// Beast asserts that the end of a chunked body comes in one piece ("n >= 5"), which a client need not do; without the assertion it
// waits for the rest, as it should. Input must not end even a debug build.
#define BOOST_DISABLE_ASSERTS
#include "kernel/http/request_parser.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <limits>

namespace edgesync::http {

namespace beast = boost::beast;
using beast::http::error;
using beast::http::field;

namespace {

/// A header's value that goes on in the next line: some servers join it, some cut it, some take it for another header.
bool has_continued_line(std::string_view head) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos && at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        if (head[at + 2] == ' ' || head[at + 2] == '\t') return true;
    }
    return false;
}

/// What a host and its port consist of (RFC 3986, 3.2.2); empty is fine.
bool is_host(std::string_view value) {
    constexpr std::string_view kMarks = "!$%&'()*+,-.:;=[]_~";
    return std::all_of(value.begin(), value.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
    });
}

bool is_web_scheme(std::string_view scheme) { return beast::iequals(scheme, "http") || beast::iequals(scheme, "https"); }

}  // namespace

RequestParser::RequestParser(HttpRequest& request) : request_(request) {
    header_limit(static_cast<std::uint32_t>(kMaxHead));
    body_limit(boost::none);  // The handler's limit is checked where the octets are kept.
}

RequestParser::Step RequestParser::fail(int status) {
    failure_status_ = status;
    return {Progress::Failed, 0, 0};
}

RequestParser::Step RequestParser::parse_head(std::string_view input) {
    std::size_t consumed = 0;
    if (head_octets_ == 0) {
        // Some old clients end a body with an extra line break.
        while (consumed < input.size() && (input[consumed] == '\r' || input[consumed] == '\n')) ++consumed;
        if (consumed == input.size()) return {Progress::NeedMore, consumed, 0};
    }
    error_code failure;
    const std::size_t parsed = put({input.data() + consumed, input.size() - consumed}, failure);
    // The library looks behind a line's end before it gives the line away, so that both are in one piece.
    const bool is_continued = has_continued_line(input.substr(consumed, parsed));
    consumed += parsed;
    head_octets_ += parsed;
    if (is_continued) return fail(400);
    const std::size_t seen = head_octets_ + input.size() - consumed;
    if (is_head_done_) return head_octets_ > kMaxHead ? fail(431) : finish_head(consumed);
    if (!failure || failure == error::need_more) {
        if (!is_line_done_ && seen > kMaxRequestLine) return fail(414);
        if (seen > kMaxHead) return fail(431);
        head_octets_ = std::max<std::size_t>(head_octets_, 1);
        return {Progress::NeedMore, consumed, 0};
    }
    if (failure == error::header_limit) return fail(is_line_done_ ? 431 : 414);
    return fail(failure_status_);
}

RequestParser::Step RequestParser::finish_head(std::size_t consumed) {
    // Old proxies ignore the coding of an HTTP/1.0 request, and would see another end than we.
    if (chunked() && version_ == 10) return fail(400);
    if (version_ == 11 && !has_host_) return fail(400);
    request_.content_length = 0;
    if (chunked()) {
        request_.content_length = -1;
    } else if (const auto length = content_length()) {
        if (*length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return fail(400);
        request_.content_length = static_cast<std::int64_t>(*length);
    }
    return {Progress::Done, consumed, 0};
}

RequestParser::Step RequestParser::parse_chunks(std::string_view input, std::span<char> window) {
    window_ = window;
    produced_ = 0;
    std::size_t consumed = 0;
    Progress progress = Progress::NeedMore;
    while (consumed < input.size() && produced_ < window.size()) {
        error_code failure;
        consumed += put({input.data() + consumed, input.size() - consumed}, failure);
        if (failure == error::need_more) break;
        if (failure) return fail(400);
        if (is_done()) {
            progress = Progress::Done;
            break;
        }
    }
    return {progress, consumed, produced_};
}

bool RequestParser::set_target(std::string_view target) {
    if (!target.starts_with('/') && target != "*") {
        // The absolute form, as to a proxy.
        const std::size_t scheme = target.find("://");
        if (scheme == std::string_view::npos || !is_web_scheme(target.substr(0, scheme))) return false;
        target.remove_prefix(scheme + 3);
        const std::size_t authority = target.find_first_of("/?");
        if (authority == 0 || target.empty()) return false;
        target = authority == std::string_view::npos ? std::string_view("/") : target.substr(authority);
    }
    const std::size_t question = target.find('?');
    request_.path = question == 0 ? "/" : target.substr(0, question);
    if (question != std::string_view::npos) request_.query = target.substr(question + 1);
    return true;
}

void RequestParser::on_request_impl(beast::http::verb, text method, text target, int version, error_code& failure) {
    is_line_done_ = true;
    version_ = version;
    if (method.size() + target.size() + 12 > kMaxRequestLine) {
        failure_status_ = 414;
        failure = error::bad_target;
        return;
    }
    request_.method.assign(method.data(), method.size());
    is_head_method_ = request_.method == "HEAD";
    if (!set_target({target.data(), target.size()})) failure = error::bad_target;
}

/// Whether the header makes sense, and is the first of its kind where a second one makes the request ambiguous: what a proxy in front
/// has checked must be what is used here.
bool RequestParser::is_allowed(field name, std::string_view value) {
    constexpr field kOnce[] = {field::host, field::authorization, field::range, field::content_range};
    const auto found = std::find(std::begin(kOnce), std::end(kOnce), name);
    if (found == std::end(kOnce)) return true;
    const unsigned bit = 1U << static_cast<unsigned>(found - std::begin(kOnce));
    if (seen_once_ & bit) return false;
    seen_once_ |= bit;
    if (name != field::host) return true;
    has_host_ = true;
    return is_host(value);
}

void RequestParser::on_field_impl(field kind, text name, text value, error_code& failure) {
    if (is_head_done_) {
        // A trailer; nobody needs one.
        trailer_octets_ += name.size() + value.size();
        if (trailer_octets_ > kMaxHead) failure = error::header_limit;
        return;
    }
    if (!is_allowed(kind, {value.data(), value.size()})) {
        failure = error::bad_value;
        return;
    }
    if (kind == field::transfer_encoding && !beast::iequals(value, "chunked")) {
        failure_status_ = 501;
        failure = error::bad_transfer_encoding;
        return;
    }
    if (kind == field::expect && beast::iequals(value, "100-continue")) expects_continue_ = true;
    request_.headers.push_back({std::string(name.data(), name.size()), std::string(value.data(), value.size())});
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, text extensions, error_code& failure) {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) failure = error::bad_chunk;
    // The library lets them pass in quotes; a server that ends lines at a bare line feed sees another chunk.
    const auto is_control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; };
    if (std::any_of(extensions.begin(), extensions.end(), is_control)) failure = error::bad_chunk_extension;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, text body, error_code&) {
    const std::size_t count = std::min(body.size(), window_.size() - produced_);
    std::memcpy(window_.data() + produced_, body.data(), count);
    produced_ += count;
    return count;
}

}  // namespace edgesync::http
