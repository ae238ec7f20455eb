// The request's body: from the socket to memory or, window by window, to a sink on the workers.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/http/connection.h"
#include "kernel/http/listener_core.h"
#include "kernel/http/transfer_progress.h"

namespace edgesync::http {
namespace {

/// A chunk's header or the trailers after the last chunk.
constexpr std::size_t kMaxChunkHeader = 32 * 1024;
/// A body up to this size is read before the sink is asked whether it wants it: one trip to a worker instead of two.
constexpr std::size_t kUnaskedBytes = 64 * 1024;
constexpr std::chrono::milliseconds kBusyPause{10};
/// How often a full pool of workers is asked again before the connection gives up (30 s).
constexpr int kBusyTries = 3000;

/// The rest of the work that one window makes, done in one go on a worker.
struct WindowJob {
    std::shared_ptr<HttpBodySink> sink;
    std::span<const std::byte> window;
    bool starts = false;
    bool finishes = false;

    bool operator()() const {
        if (starts && !sink->start()) return false;
        if (!window.empty() && !sink->write(window)) return false;
        if (finishes) sink->finish();
        return true;
    }
};

}  // namespace

/// False: the chunks make no sense.
bool Connection::take_backlog(std::span<char> out, std::size_t& filled) {
    const std::string_view have = backlog_.view();
    if (body_left_ >= 0) {
        const std::size_t count = std::min({have.size(), out.size() - filled, static_cast<std::size_t>(body_left_)});
        std::memcpy(out.data() + filled, have.data(), count);
        filled += count;
        body_left_ -= static_cast<std::int64_t>(count);
        is_body_complete_ = body_left_ == 0;
        backlog_.consume(count);
        return true;
    }
    const auto step = parser_->parse_chunks(have, out.subspan(filled));
    if (step.progress == RequestParser::Progress::Failed) return false;
    filled += step.produced;
    is_body_complete_ = step.progress == RequestParser::Progress::Done;
    backlog_.consume(step.consumed);
    is_chunk_split_ = !backlog_.empty() && !is_body_complete_ && filled < out.size();
    return !is_chunk_split_ || backlog_.view().size() <= kMaxChunkHeader;
}

/// Fills `out` unless the body ends before. With `watch_work`, returns early when the function on the worker fails.
Task<Connection::Filled> Connection::fill(std::span<char> out, bool watch_work) {
    std::size_t filled = 0;
    TransferProgress progress(core_->options.body_timeout);
    while (filled < out.size() && !is_body_complete_) {
        if (!backlog_.empty() && !is_chunk_split_) {
            if (!take_backlog(out, filled)) co_return Filled{Filled::State::Malformed, filled};
            continue;
        }
        ByteStream::Result result;
        if (body_left_ >= 0) {
            result = stream_.read(out.data() + filled, std::min(out.size() - filled, static_cast<std::size_t>(body_left_)));
            if (result.state == ByteStream::State::Done) {
                filled += result.octets;
                body_left_ -= static_cast<std::int64_t>(result.octets);
                is_body_complete_ = body_left_ == 0;
            }
        } else {
            result = stream_.read(loop_->scratch(), EventLoop::kScratchBytes);
            if (result.state == ByteStream::State::Done) {
                backlog_.append({loop_->scratch(), result.octets});
                is_chunk_split_ = false;
            }
        }
        progress.moved(result.octets);
        if (result.state == ByteStream::State::Done) continue;
        if (result.state == ByteStream::State::Ended || result.state == ByteStream::State::Failed)
            co_return Filled{Filled::State::Broken, filled};
        deadline_ = progress.deadline();
        // The result of work that ended before says nothing about this body.
        const bool watches = watch_work && is_work_running_;
        const unsigned events = co_await wait(needed(result.state) | kClosing | (watches ? kWorkDone : 0U));
        clear_deadline();
        if (events & kClosing) co_return Filled{Filled::State::Broken, filled};
        if (watches && !is_work_running_ && !is_work_good_) co_return Filled{Filled::State::WorkFailed, filled};
    }
    co_return Filled{Filled::State::Data, filled};
}

Task<bool> Connection::send_continue() {
    is_continue_due_ = false;
    if (!backlog_.empty()) co_return true;  // The client did not wait.
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    iovec part{const_cast<char*>(kContinue.data()), kContinue.size()};
    const bool is_sent = co_await write_all({&part, 1}, false);
    co_return is_sent;
}

bool Connection::try_work(const std::function<bool()>& work) {
    is_work_running_ = true;
    is_work_good_ = false;
    events_ &= ~unsigned{kWorkDone};
    const bool is_posted =
        core_->workers.try_post([self = shared_from_this(), work = std::function<bool()>(work), number = request_number_]() mutable {
            bool is_good = false;
            try {
                is_good = work();
            } catch (const std::exception& error) {
                self->core_->log(LogLevel::Error, std::string("transferring a body failed: ") + error.what());
                HttpResponse response;
                response.status = 500;
                self->answer(number, std::move(response));
            }
            work = nullptr;
            const std::shared_ptr<EventLoop> loop = self->loop_;
            loop->post([self = std::move(self), is_good] {
                self->is_work_good_ = is_good;
                self->is_work_running_ = false;
                self->raise(kWorkDone);
            });
        });
    if (!is_posted) is_work_running_ = false;
    return is_posted;
}

/// False: no worker took it. Waits for a while, which holds the client back.
Task<bool> Connection::start_work(const std::function<bool()>& work) {
    for (int i = 0; i < kBusyTries; ++i) {
        if (try_work(work)) co_return true;
        loop_->run_after(kBusyPause, [self = shared_from_this()] { self->raise(kTick); });
        const unsigned events = co_await wait(kTick | kStopping);
        if (events & kStopping) break;
    }
    co_return false;
}

Task<bool> Connection::finish_work() {
    while (is_work_running_) co_await wait(kWorkDone);
    co_return is_work_good_;
}

/// True: the sink answers or has answered. False: the client is gone.
Task<bool> Connection::stream_body(const std::shared_ptr<HttpBodySink>& sink) {
    const bool is_taken = co_await pump_body(sink);
    co_await finish_work();
    if (is_taken) co_return true;
    co_await abort_sink(sink);
    // A body that makes no sense still gets an answer; a broken connection cannot.
    co_return is_answered();
}

/// False: the body did not arrive whole.
Task<bool> Connection::pump_body(const std::shared_ptr<HttpBodySink>& sink) {
    const std::size_t capacity = core_->options.window_bytes;
    const bool fits = body_left_ >= 0 && body_left_ <= static_cast<std::int64_t>(capacity);
    const std::size_t size = fits ? static_cast<std::size_t>(body_left_) : capacity;
    std::array<std::unique_ptr<char[]>, 2> windows;
    WindowJob job{sink, {}, true, false};
    if (is_continue_due_ || !fits || size > kUnaskedBytes) {
        // The sink decides before the body comes.
        const std::function<bool()> work = job;
        const bool is_started = co_await start_work(work);
        if (!is_started) co_return false;
        job.starts = false;
    }
    if (is_continue_due_) {
        const bool is_wanted = co_await finish_work();
        if (!is_wanted) co_return true;
        const bool is_sent = co_await send_continue();
        if (!is_sent) co_return false;
    }
    for (std::size_t turn = 0;; turn ^= 1) {
        if (!windows[turn]) windows[turn] = std::make_unique_for_overwrite<char[]>(std::max<std::size_t>(size, 1));
        const Filled filled = co_await fill({windows[turn].get(), size}, true);
        const bool was_working = is_work_running_ || !job.starts;
        const bool is_good = co_await finish_work();
        if (was_working && !is_good) co_return true;
        if (filled.state == Filled::State::Malformed) {
            HttpResponse response;
            response.status = 400;
            response.content_type = "text/plain; charset=utf-8";
            response.body = "400 Bad Request";
            answer(request_number_, std::move(response));
        }
        if (filled.state != Filled::State::Data) co_return false;
        job.window = std::as_bytes(std::span(windows[turn].get(), filled.octets));
        job.finishes = is_body_complete_;
        const std::function<bool()> work = job;
        const bool is_started = co_await start_work(work);
        if (!is_started) co_return false;
        job.starts = false;
        if (job.finishes) {
            co_await finish_work();
            co_return true;
        }
    }
}

Task<bool> Connection::abort_sink(const std::shared_ptr<HttpBodySink>& sink) {
    const std::function<bool()> work = [sink] {
        sink->abort();
        return true;
    };
    const bool is_started = co_await start_work(work);
    if (!is_started) sink->abort();
    const bool is_done = co_await finish_work();
    co_return is_done;
}

}  // namespace edgesync::http
