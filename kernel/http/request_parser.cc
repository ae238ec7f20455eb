#include "kernel/http/request_parser.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <limits>

namespace edgesync::http {

namespace beast = boost::beast;
using beast::http::error;

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
    consumed += parsed;
    head_octets_ += parsed;
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
        if (scheme == std::string_view::npos) return false;
        target.remove_prefix(scheme + 3);
        const std::size_t authority = target.find_first_of("/?");
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

void RequestParser::on_field_impl(beast::http::field field, text name, text value, error_code& failure) {
    if (is_head_done_) return;  // A trailer; nobody needs one.
    if (field == beast::http::field::transfer_encoding && !beast::iequals(value, "chunked")) {
        failure_status_ = 501;
        failure = error::bad_transfer_encoding;
        return;
    }
    if (field == beast::http::field::expect && beast::iequals(value, "100-continue")) expects_continue_ = true;
    request_.headers.push_back({std::string(name.data(), name.size()), std::string(value.data(), value.size())});
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, text body, error_code&) {
    const std::size_t count = std::min(body.size(), window_.size() - produced_);
    std::memcpy(window_.data() + produced_, body.data(), count);
    produced_ += count;
    return count;
}

}  // namespace edgesync::http
