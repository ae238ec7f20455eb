// One client's connection: reads requests, has them handled, writes the answers. Internal to this room.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/store.h"
#include "kernel/http/byte_stream.h"
#include "kernel/http/event_loop.h"
#include "kernel/http/request_parser.h"
#include "kernel/http/task.h"

namespace edgesync::http {

struct ListenerCore;

/// What a connection's coroutine waits for; bits.
enum Event : unsigned {
    kReadable = 1,
    kWritable = 2,
    kAnswered = 4,   ///< The responder was used.
    kWatch = 8,      ///< The handler wants to know when the client goes.
    kWorkDone = 16,  ///< The function on the worker has returned.
    kTick = 32,      ///< A short pause is over.
    kDraining = 64,
    kTimedOut = 128,
    kStopping = 256,
    kClosing = kTimedOut | kStopping,  ///< Stay set: nothing more can be done.
};

/// Octets that were read before they were wanted: pipelined requests, the begin of a body.
class Backlog {
public:
    bool empty() const noexcept { return begin_ == octets_.size(); }
    std::string_view view() const noexcept { return std::string_view(octets_).substr(begin_); }
    void append(std::string_view more);
    void consume(std::size_t count);

private:
    std::string octets_;
    std::size_t begin_ = 0;
};

/// Lives on one loop: all but `answer`, `watch` and `drop` is called there. Kept alive by its coroutine, by pending completions and by
/// the responders of its requests.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<ListenerCore> core, std::shared_ptr<EventLoop> loop, UniqueFd socket, SslPtr ssl, std::string peer);
    ~Connection();

    void start();
    /// Lets the coroutine go on if it waits for any of `events`; else they are remembered.
    void raise(unsigned events);
    bool is_late(std::chrono::steady_clock::time_point now) const noexcept { return deadline_ <= now; }
    bool belongs_to(const ListenerCore& core) const noexcept { return core_.get() == &core; }

    // For the responder of request number `request`; thread-safe.
    bool answer(std::uint64_t request, HttpResponse response);
    void watch(std::uint64_t request, std::function<void()> gone);

private:
    enum class Head { Ready, Malformed, Closed };
    struct Filled {
        enum class State { Data, Broken, Malformed, WorkFailed } state = State::Data;
        std::size_t octets = 0;
    };
    struct Waiter {
        Connection& connection;
        unsigned mask;
        bool await_ready() const noexcept { return (connection.events_ & mask) != 0; }
        void await_suspend(std::coroutine_handle<> handle) noexcept {
            connection.waiter_ = handle;
            connection.waited_for_ = mask;
        }
        unsigned await_resume() noexcept { return connection.take_events(mask); }
    };

    // connection.cc: life, events, heads.
    static Detached serve(std::shared_ptr<Connection> self);
    Task<bool> serve_requests();
    Task<bool> handshake();
    Task<Head> read_head();
    RequestParser::Progress parse_head(std::string_view fresh);
    Task<bool> linger();
    void close();
    Waiter wait(unsigned mask) noexcept { return {*this, mask}; }
    unsigned take_events(unsigned mask) noexcept;
    void arm(unsigned event);
    /// Readable or writable, whichever `state` asks for; armed.
    unsigned needed(ByteStream::State state);
    void set_deadline(std::chrono::seconds limit);
    void clear_deadline() noexcept { deadline_ = kNever; }
    bool is_closing() const noexcept { return (events_ & kClosing) != 0; }

    // exchange.cc: one request from its head to its answer.
    Task<bool> exchange();
    Task<bool> receive_and_handle(HttpHandler& handler, std::shared_ptr<HttpResponder>& responder);
    /// Whether the request must be handled on a worker.
    bool may_block() const;
    Task<bool> refuse(int status, std::string_view text);
    Task<bool> collect_body(std::int64_t limit);
    Task<bool> dispatch(HttpHandler& handler, std::shared_ptr<HttpResponder>& responder);
    Task<bool> await_answer();
    bool read_while_parked();
    void client_gone();
    Task<bool> discard_body();
    bool begin_request();
    bool is_answered() const;
    void fail_request(std::string_view what, const std::exception& error);

    // body.cc: the request's body and work on the workers.
    Task<Filled> fill(std::span<char> out, bool watch_work);
    bool take_backlog(std::span<char> out, std::size_t& filled);
    Task<bool> send_continue();
    Task<bool> stream_body(const std::shared_ptr<HttpBodySink>& sink);
    Task<bool> pump_body(const std::shared_ptr<HttpBodySink>& sink);
    Task<bool> abort_sink(const std::shared_ptr<HttpBodySink>& sink);
    bool try_work(const std::function<bool()>& work);
    Task<bool> start_work(const std::function<bool()>& work);
    Task<bool> finish_work();

    // answer.cc: the answer.
    Task<bool> write_response();
    Task<bool> write_all(std::span<iovec> parts, bool more);
    Task<bool> write_file(int file, std::int64_t offset, std::int64_t length);
    Task<bool> page_in(int file, std::int64_t offset, std::size_t length);
    Task<bool> write_blob(BlobReader& blob, std::int64_t offset, std::int64_t length);
    Task<bool> write_generated(bool is_chunked);
    /// Writes what is possible now; the number of octets, or -1.
    std::ptrdiff_t write_now(std::string_view head, std::string_view body, bool more);

    static constexpr auto kNever = std::chrono::steady_clock::time_point::max();

    const std::shared_ptr<ListenerCore> core_;
    const std::shared_ptr<EventLoop> loop_;
    UniqueFd accepted_;
    std::optional<asio::posix::stream_descriptor> descriptor_;
    ByteStream stream_;
    const std::string peer_;
    std::chrono::steady_clock::time_point deadline_ = kNever;

    unsigned events_ = 0;
    unsigned armed_ = 0;
    unsigned waited_for_ = 0;
    std::coroutine_handle<> waiter_;

    Backlog backlog_;
    std::optional<RequestParser> parser_;
    HttpRequest request_;
    std::int64_t body_left_ = 0;  ///< Of a body with a length.
    bool is_body_complete_ = true;
    bool is_chunk_split_ = false;  ///< The backlog holds a part of a chunk's header.
    bool is_continue_due_ = false;
    bool is_first_request_ = true;
    bool is_keep_alive_ = false;
    bool is_handling_ = false;  ///< The handler runs on this loop, below the coroutine.
    bool is_work_running_ = false;
    bool is_work_good_ = false;

    mutable std::mutex answer_mutex_;
    std::uint64_t request_number_ = 0;
    bool is_answered_ = true;
    HttpResponse response_;
    std::function<void()> gone_;
};

}  // namespace edgesync::http
