#include "kernel/http/connection.h"

#include <algorithm>

#include "kernel/http/listener_core.h"

namespace edgesync::http {
namespace {

constexpr std::chrono::seconds kHandshakeLimit{10};
constexpr std::chrono::seconds kLingerLimit{2};
/// Read and thrown away after an answer that came early, so that the client sees it before the connection resets.
constexpr std::size_t kLingerBytes = 4 * 1024 * 1024;
constexpr std::size_t kKeptBacklog = 4096;

}  // namespace

void Backlog::append(std::string_view more) {
    if (begin_ > 0) consume(0);
    octets_.append(more);
}

void Backlog::consume(std::size_t count) {
    begin_ += count;
    if (begin_ == octets_.size()) {
        begin_ = 0;
        octets_.clear();
        if (octets_.capacity() > kKeptBacklog) octets_.shrink_to_fit();
    } else if (count == 0 && begin_ > 0) {
        octets_.erase(0, begin_);
        begin_ = 0;
    }
}

Connection::Connection(std::shared_ptr<ListenerCore> core, std::shared_ptr<EventLoop> loop, UniqueFd socket, SslPtr ssl, std::string peer)
    : core_(std::move(core)), loop_(std::move(loop)), accepted_(std::move(socket)), stream_(accepted_.get(), std::move(ssl)),
      peer_(std::move(peer)) {}

Connection::~Connection() = default;

void Connection::start() {
    boost::system::error_code error;
    descriptor_.emplace(loop_->io());
    descriptor_->assign(accepted_.get(), error);
    if (error) {
        descriptor_.reset();
        --loop_->load;
        core_->leave();
        return;
    }
    accepted_.release();
    loop_->add(*this);
    if (core_->is_draining) events_ |= kDraining;
    serve(shared_from_this());
}

void Connection::raise(unsigned events) {
    events_ |= events;
    if (!waiter_ || !(events_ & waited_for_)) return;
    std::exchange(waiter_, {}).resume();
}

unsigned Connection::take_events(unsigned mask) noexcept {
    const unsigned taken = events_ & mask;
    events_ &= ~(taken & ~(kClosing | kDraining));
    return taken;
}

void Connection::arm(unsigned event) {
    if (armed_ & event) return;
    armed_ |= event;
    const auto type = event == kReadable ? asio::posix::stream_descriptor::wait_read : asio::posix::stream_descriptor::wait_write;
    descriptor_->async_wait(type, [self = shared_from_this(), event](const boost::system::error_code&) {
        self->armed_ &= ~event;
        self->raise(event);
    });
}

unsigned Connection::needed(ByteStream::State state) {
    const unsigned event = state == ByteStream::State::WantWrite ? kWritable : kReadable;
    arm(event);
    return event;
}

void Connection::set_deadline(std::chrono::seconds limit) {
    deadline_ = limit.count() == 0 ? kNever : std::chrono::steady_clock::now() + limit;
}

void Connection::close() {
    loop_->remove(*this);
    stream_.end_output();
    descriptor_.reset();
    --loop_->load;
    core_->leave();
}

Detached Connection::serve(std::shared_ptr<Connection> self) {
    try {
        co_await self->serve_requests();
    } catch (const std::exception& error) {
        self->core_->log(LogLevel::Error, "a connection from " + self->peer_ + " failed: " + error.what());
    }
    // Never left behind: the function on the worker uses this connection's buffers.
    while (self->is_work_running_) co_await self->wait(kWorkDone);
    self->client_gone();
    self->close();
}

Task<bool> Connection::serve_requests() {
    if (stream_.is_tls()) {
        const bool is_secured = co_await handshake();
        if (!is_secured) co_return false;
    }
    for (;;) {
        const Head head = co_await read_head();
        if (head == Head::Closed) co_return false;
        bool goes_on = false;
        if (head == Head::Ready) {
            goes_on = co_await exchange();
        } else {
            const int status = parser_->failure_status();
            is_keep_alive_ = false;
            begin_request();
            co_await refuse(status, status == 400 ? "400 Bad Request" : "");
        }
        if (!goes_on) break;
        is_first_request_ = false;
    }
    if (!is_body_complete_ && !is_closing()) co_await linger();
    co_return true;
}

Task<bool> Connection::handshake() {
    const auto header_timeout = core_->options.header_timeout;
    set_deadline(header_timeout.count() > 0 ? std::min(kHandshakeLimit, header_timeout) : kHandshakeLimit);
    for (;;) {
        const auto result = stream_.handshake();
        if (result.state == ByteStream::State::Done) co_return true;
        if (result.state == ByteStream::State::Ended || result.state == ByteStream::State::Failed) co_return false;
        const unsigned events = co_await wait(needed(result.state) | kClosing);
        if (events & kClosing) co_return false;
    }
}

RequestParser::Progress Connection::parse_head(std::string_view fresh) {
    RequestParser::Step step;
    if (backlog_.empty()) {
        step = parser_->parse_head(fresh);
        fresh.remove_prefix(step.consumed);
        if (!fresh.empty()) backlog_.append(fresh);
    } else {
        if (!fresh.empty()) backlog_.append(fresh);
        step = parser_->parse_head(backlog_.view());
        backlog_.consume(step.consumed);
    }
    return step.progress;
}

Task<Connection::Head> Connection::read_head() {
    request_ = HttpRequest{};
    parser_.emplace(request_);
    const bool is_limited = is_first_request_ && core_->options.header_timeout.count() > 0;
    set_deadline(is_limited ? core_->options.header_timeout : core_->options.keep_alive_timeout);
    bool has_begun = is_limited;
    // After an answer there is rarely anything to read yet; the attempt would only cost a system call.
    bool is_readable = is_first_request_ || stream_.has_buffered();
    auto progress = backlog_.empty() ? RequestParser::Progress::NeedMore : parse_head({});
    while (progress == RequestParser::Progress::NeedMore) {
        if (!has_begun && (parser_->has_started() || !backlog_.empty())) {
            has_begun = true;
            set_deadline(core_->options.header_timeout);
        }
        if (!is_readable) {
            arm(kReadable);
            const bool is_idle = !parser_->has_started() && backlog_.empty();
            const unsigned events = co_await wait(kReadable | kClosing | (is_idle ? kDraining : 0U));
            if (events & (kClosing | kDraining)) co_return Head::Closed;
        }
        is_readable = false;
        const auto result = stream_.read(loop_->scratch(), EventLoop::kScratchBytes);
        if (result.state == ByteStream::State::Ended || result.state == ByteStream::State::Failed) co_return Head::Closed;
        if (result.state == ByteStream::State::WantWrite) {
            const unsigned events = co_await wait(needed(result.state) | kClosing);
            if (events & kClosing) co_return Head::Closed;
            is_readable = true;
        }
        if (result.state != ByteStream::State::Done) continue;
        is_readable = stream_.has_buffered();
        progress = parse_head({loop_->scratch(), result.octets});
    }
    clear_deadline();
    if (progress == RequestParser::Progress::Done) co_return Head::Ready;
    is_body_complete_ = false;  // Whatever follows is not a request.
    co_return Head::Malformed;
}

Task<bool> Connection::linger() {
    stream_.end_output();
    set_deadline(kLingerLimit);
    for (std::size_t left = kLingerBytes; left > 0;) {
        const auto result = stream_.read(loop_->scratch(), EventLoop::kScratchBytes);
        if (result.state == ByteStream::State::Done) {
            left -= std::min(left, result.octets);
            continue;
        }
        if (result.state == ByteStream::State::Ended || result.state == ByteStream::State::Failed) break;
        const unsigned events = co_await wait(needed(result.state) | kClosing);
        if (events & kClosing) break;
    }
    co_return true;
}

}  // namespace edgesync::http
