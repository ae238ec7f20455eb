// One request from its head to its answer.
#include <cstring>

#include "kernel/http/connection.h"
#include "kernel/http/listener_core.h"
#include "kernel/http/responder.h"

namespace edgesync::http {
namespace {

/// The rest of a body that is read to keep a connection after an early answer; beyond, closing is cheaper.
constexpr std::int64_t kDiscardBytes = 256 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;
/// What a client may claim as length before it has sent anything.
constexpr std::int64_t kTrustedLength = 1024 * 1024;
constexpr std::size_t kParkedBacklog = 64 * 1024;

HttpResponse text_response(int status, std::string_view text) {
    HttpResponse response;
    response.status = status;
    if (!text.empty()) response.content_type = "text/plain; charset=utf-8";
    response.body = text;
    return response;
}

/// All workers are taken.
HttpResponse busy_response() {
    HttpResponse response = text_response(503, "");
    response.headers.push_back({"Retry-After", "1"});
    return response;
}

/// A path that others would clean up first, and might then send elsewhere, is not merely unknown.
HttpResponse not_served(const std::string& path) {
    try {
        split_path(path);
    } catch (const Error&) {
        return text_response(400, "400 Bad Request");
    }
    return text_response(404, "404 page not found\n");
}

}  // namespace

Responder::~Responder() {
    if (is_used_.exchange(true)) return;
    HttpResponse response;
    response.status = 500;
    connection_->answer(request_, std::move(response));
}

void Responder::send(HttpResponse response) {
    if (!is_used_.exchange(true)) connection_->answer(request_, std::move(response));
}

void Responder::on_gone(std::function<void()> gone) { connection_->watch(request_, std::move(gone)); }

bool Connection::begin_request() {
    const std::lock_guard lock(answer_mutex_);
    ++request_number_;
    is_answered_ = false;
    events_ &= ~(kAnswered | kWatch);
    return true;
}

bool Connection::is_answered() const {
    const std::lock_guard lock(answer_mutex_);
    return is_answered_;
}

bool Connection::answer(std::uint64_t request, HttpResponse response) {
    std::function<void()> dropped;
    {
        const std::lock_guard lock(answer_mutex_);
        if (request != request_number_ || is_answered_) return false;
        response_ = std::move(response);
        is_answered_ = true;
        dropped.swap(gone_);
    }
    // Below the coroutine there is nobody to wake: it looks for the answer when the handler returns.
    if (loop_->is_current() && is_handling_) return true;
    loop_->post([self = shared_from_this(), request] {
        if (self->request_number_ == request) self->raise(kAnswered);
    });
    return true;
}

void Connection::watch(std::uint64_t request, std::function<void()> gone) {
    {
        const std::lock_guard lock(answer_mutex_);
        if (request != request_number_ || is_answered_) return;
        gone_.swap(gone);
    }
    if (loop_->is_current() && is_handling_) return;
    loop_->post([self = shared_from_this(), request] {
        if (self->request_number_ == request) self->raise(kWatch);
    });
}

void Connection::client_gone() {
    std::function<void()> gone;
    {
        const std::lock_guard lock(answer_mutex_);
        ++request_number_;
        is_answered_ = true;
        gone.swap(gone_);
    }
    if (!gone) return;
    try {
        gone();
    } catch (const std::exception& error) {
        core_->log(LogLevel::Error, std::string("the handler of a client's departure failed: ") + error.what());
    }
}

void Connection::fail_request(std::string_view what, const std::exception& error) {
    core_->log(LogLevel::Error, std::string(what) + " failed: " + error.what());
    answer(request_number_, text_response(500, "500 Internal Server Error\n"));
}

Task<bool> Connection::refuse(int status, std::string_view text) {
    answer(request_number_, text_response(status, text));
    const bool is_written = co_await write_response();
    co_return is_written;
}

Task<bool> Connection::exchange() {
    body_left_ = request_.content_length;
    is_body_complete_ = body_left_ == 0;
    is_chunk_split_ = false;
    is_continue_due_ = !is_body_complete_ && parser_->expects_continue() && parser_->is_http_1_1();
    is_keep_alive_ = parser_->is_keep_alive();
    request_.remote_address = peer_;
    request_.is_secure = stream_.is_tls();
    begin_request();

    bool has_answer = true;
    if (HttpHandler* handler = core_->router.find(request_.path)) {
        std::shared_ptr<HttpResponder> responder = std::make_shared<Responder>(shared_from_this(), request_number_);
        has_answer = co_await receive_and_handle(*handler, responder);
    } else {
        answer(request_number_, not_served(request_.path));
    }
    if (!has_answer) {
        is_body_complete_ = true;  // Nothing to wait for before closing.
        co_return false;
    }
    const bool is_rest_short = !is_continue_due_ && body_left_ >= 0 && body_left_ <= kDiscardBytes;
    if (!is_body_complete_ && !is_rest_short) is_keep_alive_ = false;
    if (response_.close || core_->is_draining) is_keep_alive_ = false;
    const bool is_written = co_await write_response();
    response_ = HttpResponse{};
    if (!is_written || !is_keep_alive_) co_return false;
    if (is_body_complete_) co_return true;
    const bool is_discarded = co_await discard_body();
    co_return is_discarded;
}

Task<bool> Connection::receive_and_handle(HttpHandler& handler, std::shared_ptr<HttpResponder>& responder) {
    std::shared_ptr<HttpBodySink> sink;
    std::int64_t limit = 0;
    const auto choose = [&] {
        try {
            sink = handler.stream(request_, responder);
            if (!sink && !is_body_complete_) limit = handler.body_limit(request_);
        } catch (const std::exception& error) {
            fail_request("choosing how to take the body of " + request_.path, error);
        }
        return true;
    };
    if (!is_body_complete_ && may_block()) {
        // To choose may need the caller's identity and rights.
        const std::function<bool()> work = choose;
        const bool is_taken = co_await start_work(work);
        if (!is_taken) {
            answer(request_number_, busy_response());
            co_return true;
        }
        co_await finish_work();
    } else {
        is_handling_ = true;
        choose();
        is_handling_ = false;
    }
    if (is_answered()) co_return true;
    if (sink) {
        responder.reset();
        bool has_answer = co_await stream_body(sink);
        if (has_answer) has_answer = co_await await_answer();
        // It lives until the answer is there; its end may close and remove files.
        core_->post([sink = std::move(sink)] {});
        co_return has_answer;
    }
    if (!is_body_complete_) {
        const bool is_whole = co_await collect_body(limit);
        if (!is_whole) co_return false;
        if (is_answered()) co_return true;
    }
    co_await dispatch(handler, responder);
    const bool has_answer = co_await await_answer();
    co_return has_answer;
}

Task<bool> Connection::collect_body(std::int64_t limit) {
    const std::int64_t length = request_.content_length;
    if (length > limit) {
        answer(request_number_, text_response(413, ""));
        co_return true;
    }
    if (is_continue_due_) {
        const bool is_sent = co_await send_continue();
        if (!is_sent) co_return false;
    }
    std::string body;
    if (length > 0) body.reserve(static_cast<std::size_t>(std::min(length, kTrustedLength)));
    const std::size_t size = length > 0 ? std::min(static_cast<std::size_t>(length), kPieceBytes) : kPieceBytes;
    const auto piece = std::make_unique_for_overwrite<char[]>(size);
    while (!is_body_complete_) {
        const Filled filled = co_await fill({piece.get(), size}, false);
        if (filled.state == Filled::State::Broken) co_return false;
        if (filled.state == Filled::State::Malformed) {
            answer(request_number_, text_response(400, "400 Bad Request"));
            co_return true;
        }
        if (static_cast<std::int64_t>(body.size() + filled.octets) > limit) {
            is_body_complete_ = false;
            answer(request_number_, text_response(413, ""));
            co_return true;
        }
        body.append(piece.get(), filled.octets);
    }
    request_.body = std::move(body);
    co_return true;
}

bool Connection::may_block() const { return core_->options.may_block && core_->options.may_block(request_); }

Task<bool> Connection::dispatch(HttpHandler& handler, std::shared_ptr<HttpResponder>& responder) {
    if (!may_block()) {
        is_handling_ = true;
        const std::string path = core_->options.log ? request_.path : std::string();
        try {
            // Kept here, so that an exception is answered before the unwinding drops the responder.
            handler.handle(std::move(request_), responder);
        } catch (const std::exception& error) {
            fail_request("handling " + path, error);
        }
        responder.reset();
        is_handling_ = false;
        co_return true;
    }
    struct Job {
        HttpRequest request;
        std::shared_ptr<HttpResponder> responder;
    };
    auto job = std::make_shared<Job>(Job{std::move(request_), responder});
    const bool is_posted = core_->post([&handler, job, core = core_] {
        const std::shared_ptr<HttpResponder> kept = job->responder;
        try {
            handler.handle(std::move(job->request), std::move(job->responder));
        } catch (const std::exception& error) {
            core->log(LogLevel::Error, std::string("handling a request failed: ") + error.what());
            kept->send(text_response(500, "500 Internal Server Error\n"));
        }
    });
    if (!is_posted) responder->send(busy_response());
    responder.reset();
    co_return true;
}

Task<bool> Connection::await_answer() {
    for (;;) {
        bool is_watched = false;
        {
            const std::lock_guard lock(answer_mutex_);
            if (is_answered_) co_return true;
            is_watched = gone_ != nullptr;
        }
        unsigned mask = kAnswered | kWatch | kClosing;
        if (is_watched && backlog_.view().size() < kParkedBacklog) {
            arm(kReadable);
            mask |= kReadable;
        }
        const unsigned events = co_await wait(mask);
        if (events & kClosing) co_return false;
        if ((events & kReadable) && !is_answered() && !read_while_parked()) co_return false;
    }
}

bool Connection::read_while_parked() {
    const auto result = stream_.read(loop_->scratch(), EventLoop::kScratchBytes);
    if (result.state == ByteStream::State::Done) backlog_.append({loop_->scratch(), result.octets});
    return result.state != ByteStream::State::Ended && result.state != ByteStream::State::Failed;
}

Task<bool> Connection::discard_body() {
    const auto piece = std::make_unique_for_overwrite<char[]>(kPieceBytes);
    while (!is_body_complete_) {
        const Filled filled = co_await fill({piece.get(), kPieceBytes}, false);
        if (filled.state != Filled::State::Data) co_return false;
    }
    co_return true;
}

}  // namespace edgesync::http
