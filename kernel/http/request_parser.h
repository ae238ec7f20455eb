// Turns octets into a request's head and, for a chunked body, into its octets. Internal to this room: includes Beast.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <span>
#include <string_view>

#include "edgesync/sdk/http.h"

namespace edgesync::http {

/// For one request. Strict where leniency lets two servers disagree about where a request ends or what it says: both length headers,
/// differing lengths, unknown transfer codings, bare line feeds, continued lines, control characters in a chunk's extensions, and a
/// second one of a header that may come once (RFC 9112, 3.2, 5.2, 6.3, 11.2) are refused. Not thread-safe.
class RequestParser : private boost::beast::http::basic_parser<true> {
public:
    static constexpr std::size_t kMaxRequestLine = 8 * 1024;
    static constexpr std::size_t kMaxHead = 32 * 1024;

    enum class Progress { NeedMore, Done, Failed };
    struct Step {
        Progress progress = Progress::NeedMore;
        std::size_t consumed = 0;  ///< Octets of the input that are done with.
        std::size_t produced = 0;  ///< Octets of the body.
    };

    explicit RequestParser(HttpRequest& request);

    /// Fills the request but for its body. What it consumed must not be given again; the rest must, with more behind it.
    Step parse_head(std::string_view input);
    /// After the head of a chunked request. NeedMore with a full window, or for lack of input.
    Step parse_chunks(std::string_view input, std::span<char> window);

    /// The answer that a failure deserves: 400, 414, 431 or 501.
    int failure_status() const noexcept { return failure_status_; }
    bool has_started() const noexcept { return head_octets_ > 0; }
    /// After the head.
    bool is_chunked() const { return chunked(); }
    bool is_keep_alive() const { return keep_alive(); }
    bool is_http_1_1() const noexcept { return version_ == 11; }
    bool is_head_method() const noexcept { return is_head_method_; }
    bool expects_continue() const noexcept { return expects_continue_; }

private:
    using Base = boost::beast::http::basic_parser<true>;
    using error_code = boost::beast::error_code;
    using text = boost::beast::string_view;

    Step fail(int status);
    Step finish_head(std::size_t consumed);
    bool set_target(std::string_view target);
    bool is_allowed(boost::beast::http::field field, std::string_view value);

    void on_request_impl(boost::beast::http::verb verb, text method, text target, int version, error_code& error) override;
    void on_response_impl(int, text, int, error_code&) override {}
    void on_field_impl(boost::beast::http::field field, text name, text value, error_code& error) override;
    void on_header_impl(error_code&) override { is_head_done_ = true; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(text body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t size, text extensions, error_code& error) override;
    std::size_t on_chunk_body_impl(std::uint64_t, text body, error_code&) override;
    void on_finish_impl(error_code&) override {}

    HttpRequest& request_;
    std::span<char> window_;
    std::size_t produced_ = 0;
    std::size_t head_octets_ = 0;
    std::size_t trailer_octets_ = 0;
    int version_ = 11;
    int failure_status_ = 400;
    bool is_line_done_ = false;
    bool is_head_done_ = false;
    bool is_head_method_ = false;
    bool expects_continue_ = false;
    bool has_host_ = false;
    unsigned seen_once_ = 0;  ///< Which of the headers that may come once have come; bits.
};

}  // namespace edgesync::http
