// A request means the same however it is cut into pieces, and nothing in it can end a line of what is made of it.
#include <algorithm>
#include <vector>

#include "kernel/http/request_parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

using http::RequestParser;
using Progress = RequestParser::Progress;

struct Reading {
    Progress progress = Progress::NeedMore;
    HttpRequest request;
    std::string body;  ///< Of a chunked request.
    std::size_t consumed = 0;
};

/// Gives the parser its input in pieces, as a connection does.
class Reader {
public:
    Reader(std::string_view input, std::size_t piece, std::size_t window) : input_(input), piece_(piece), window_(window, '\0') {}

    Reading read() {
        Reading reading;
        RequestParser parser(reading.request);
        do {
            const auto step = parser.parse_head(backlog_);
            reading.progress = take(step, reading);
        } while (reading.progress == Progress::NeedMore && feed());
        if (reading.progress == Progress::Failed) {
            const int status = parser.failure_status();
            require(status == 400 || status == 414 || status == 431 || status == 501, "the status of a refusal");
        }
        if (reading.progress == Progress::Done && parser.is_chunked()) read_chunks(parser, reading);
        return reading;
    }

private:
    void read_chunks(RequestParser& parser, Reading& reading) {
        bool has_input = true;
        while (has_input) {
            const auto step = parser.parse_chunks(backlog_, window_);
            require(step.produced <= window_.size(), "a window is not exceeded");
            reading.progress = take(step, reading);
            reading.body.append(window_.data(), step.produced);
            if (reading.progress != Progress::NeedMore) return;
            has_input = step.produced == window_.size() || feed();
        }
    }
    Progress take(const RequestParser::Step& step, Reading& reading) {
        require(step.consumed <= backlog_.size(), "no more is consumed than there is");
        backlog_.erase(0, step.consumed);
        reading.consumed += step.consumed;
        return step.progress;
    }
    bool feed() {
        const std::size_t count = std::min(piece_, input_.size() - fed_);
        backlog_.append(input_.substr(fed_, count));
        fed_ += count;
        return count > 0;
    }

    const std::string_view input_;
    const std::size_t piece_;
    std::string window_;
    std::string backlog_;
    std::size_t fed_ = 0;
};

bool has_line_end(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos; }

void check_request(const HttpRequest& request) {
    require(request.path == "*" || request.path.starts_with('/'), "a path begins with a slash");
    require(!has_line_end(request.method) && !has_line_end(request.path) && !has_line_end(request.query), "a request line is one line");
    std::size_t hosts = 0;
    for (const auto& header : request.headers) {
        require(!header.name.empty() && !has_line_end(header.name) && !has_line_end(header.value), "a header is one line");
        if (header.name.size() == 4 && request.header("host").data() == header.value.data()) ++hosts;
    }
    require(hosts <= 1, "there is one host");
    require(request.content_length >= -1, "a length is a length");
    require(request.content_length == -1 || !request.has_header("transfer-encoding"), "one way to find the end");
    require(request.content_length != -1 || !request.has_header("content-length"), "one way to find the end");
}

bool is_same(const HttpRequest& a, const HttpRequest& b) {
    const auto same = [](const HttpHeader& x, const HttpHeader& y) { return x.name == y.name && x.value == y.value; };
    return a.method == b.method && a.path == b.path && a.query == b.query && a.content_length == b.content_length &&
           std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(), same);
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync::fuzz;
    // Beyond, it depends on the pieces which of several limits is met first.
    if (size > 4096) return 0;
    const std::string_view input = text_of(data, size);
    const Reading whole = Reader(input, input.size(), 1000).read();
    if (whole.progress == Progress::Done) check_request(whole.request);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
        const Reading cut = Reader(input, piece, piece == 1 ? 3 : 64).read();
        // A mistake may be seen when it comes, or only when the head it is in is complete.
        require((cut.progress == Progress::Done) == (whole.progress == Progress::Done), "the same outcome in pieces");
        if (whole.progress != Progress::Done) continue;
        require(cut.consumed == whole.consumed, "the same end in pieces");
        require(is_same(cut.request, whole.request), "the same request in pieces");
        require(cut.body == whole.body, "the same body in pieces");
    }
    return 0;
}
