// Writing the answer: a body in memory, a file, a blob, or generated pieces.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "kernel/http/connection.h"
#include "kernel/http/listener_core.h"
#include "kernel/http/response_head.h"
#include "kernel/http/transfer_progress.h"

namespace edgesync::http {
namespace {

/// What one connection may send before others on its loop get their turn.
constexpr std::int64_t kTurnBytes = 1024 * 1024;

bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

/// Whether reading there would wait for the disk. Unknown counts as no.
bool must_wait_for_disk(int file, off_t offset) {
    char octet;
    iovec part{&octet, 1};
    return ::preadv2(file, &part, 1, offset, RWF_NOWAIT) < 0 && errno == EAGAIN;
}

}  // namespace

std::ptrdiff_t Connection::write_now(std::string_view head, std::string_view body, bool more) {
    const std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}}};
    const auto result = stream_.write(parts.data(), body.empty() ? 1 : 2, more);
    if (result.state == ByteStream::State::Done) return static_cast<std::ptrdiff_t>(result.octets);
    const bool is_full = result.state == ByteStream::State::WantWrite || result.state == ByteStream::State::WantRead;
    return is_full ? 0 : -1;
}

Task<bool> Connection::write_all(std::span<iovec> parts, bool more) {
    std::size_t first = 0;
    TransferProgress progress(core_->options.body_timeout);
    for (;;) {
        while (first < parts.size() && parts[first].iov_len == 0) ++first;
        if (first == parts.size()) co_return true;
        const auto result = stream_.write(parts.data() + first, static_cast<int>(parts.size() - first), more);
        if (result.state == ByteStream::State::Ended || result.state == ByteStream::State::Failed) co_return false;
        if (result.state != ByteStream::State::Done) {
            deadline_ = progress.deadline();
            const unsigned events = co_await wait(needed(result.state) | kClosing);
            clear_deadline();
            if (events & kClosing) co_return false;
            continue;
        }
        std::size_t sent = result.octets;
        progress.moved(sent);
        for (std::size_t i = first; sent > 0; ++i) {
            const std::size_t count = std::min(sent, parts[i].iov_len);
            parts[i].iov_base = static_cast<char*>(parts[i].iov_base) + count;
            parts[i].iov_len -= count;
            sent -= count;
        }
    }
}

Task<bool> Connection::write_response() {
    HttpResponse& response = response_;
    HeadFacts facts;
    facts.is_http_1_1 = parser_->is_http_1_1();
    const bool is_generated = response.generate != nullptr;
    if (is_bodiless(response.status)) {
        facts.framing = Framing::None;
    } else if (is_generated) {
        facts.framing = facts.is_http_1_1 ? Framing::Chunked : Framing::UntilClose;
    } else {
        facts.length = response.blob ? response.blob_length : static_cast<std::int64_t>(response.body.size());
    }
    if (facts.framing == Framing::UntilClose) is_keep_alive_ = false;
    facts.is_keep_alive = is_keep_alive_;
    const bool has_body = !parser_->is_head_method() && facts.framing != Framing::None;
    const bool has_more = has_body && (is_generated || (response.blob && response.blob_length > 0));
    const std::string_view body = has_body && !has_more && !response.blob ? std::string_view(response.body) : std::string_view();

    std::string& head = loop_->head();
    write_head(head, response, facts);
    const std::ptrdiff_t sent = write_now(head, body, has_more);
    if (sent < 0) co_return false;
    if (static_cast<std::size_t>(sent) < head.size() + body.size()) {
        const auto in_head = std::min(head.size(), static_cast<std::size_t>(sent));
        std::string rest = head.substr(in_head);
        const std::string_view body_rest = body.substr(static_cast<std::size_t>(sent) - in_head);
        std::array<iovec, 2> parts{{{rest.data(), rest.size()}, {const_cast<char*>(body_rest.data()), body_rest.size()}}};
        const bool is_written = co_await write_all(parts, has_more);
        if (!is_written) co_return false;
    }
    if (!has_more) co_return true;
    bool is_whole = false;
    if (is_generated) {
        is_whole = co_await write_generated(facts.framing == Framing::Chunked);
    } else if (const int file = response.blob->file_descriptor(); file >= 0 && !stream_.is_tls()) {
        is_whole = co_await write_file(file, response.blob_offset, response.blob_length);
    } else {
        is_whole = co_await write_blob(*response.blob, response.blob_offset, response.blob_length);
    }
    co_await finish_work();
    co_return is_whole;
}

Task<bool> Connection::write_file(int file, std::int64_t offset, std::int64_t length) {
    off_t position = offset;
    const off_t end = offset + length;
    while (position < end) {
        const auto size = static_cast<std::size_t>(std::min<off_t>(end - position, kTurnBytes));
        if (must_wait_for_disk(file, position + static_cast<off_t>(size) - 1)) co_await page_in(file, position, size);
        const off_t turn_end = position + static_cast<off_t>(size);
        TransferProgress progress(core_->options.body_timeout);
        while (position < turn_end) {
            const auto result = stream_.send_file(file, position, static_cast<std::size_t>(turn_end - position));
            progress.moved(result.octets);
            if (result.state == ByteStream::State::Done) continue;
            if (result.state != ByteStream::State::WantWrite) co_return false;
            deadline_ = progress.deadline();
            const unsigned events = co_await wait(needed(result.state) | kClosing);
            clear_deadline();
            if (events & kClosing) co_return false;
        }
        if (position == end) break;
        loop_->post([self = shared_from_this()] { self->raise(kTick); });
        const unsigned events = co_await wait(kTick | kClosing);
        if (events & kClosing) co_return false;
    }
    co_return true;
}

/// Has a worker wait for the disk, so that sendfile does not do it on the loop.
Task<bool> Connection::page_in(int file, std::int64_t offset, std::size_t length) {
    const auto read = [file, offset, length] {
        ::readahead(file, offset, length);
        // readahead only asks for the pages; reading the last one waits.
        char octet;
        return ::pread(file, &octet, 1, offset + static_cast<off_t>(length) - 1) == 1;
    };
    if (!try_work(read)) co_return false;
    const bool is_read = co_await finish_work();
    co_return is_read;
}

Task<bool> Connection::write_blob(BlobReader& blob, std::int64_t offset, std::int64_t length) {
    const std::size_t capacity =
        static_cast<std::size_t>(std::min<std::int64_t>(length, static_cast<std::int64_t>(core_->options.window_bytes)));
    struct Window {
        std::unique_ptr<char[]> octets;
        std::size_t size = 0;
    };
    std::array<Window, 2> windows;
    const auto read_into = [&blob, capacity](Window& window, std::int64_t position, std::int64_t left) -> std::function<bool()> {
        if (!window.octets) window.octets = std::make_unique_for_overwrite<char[]>(capacity);
        window.size = static_cast<std::size_t>(std::min<std::int64_t>(left, static_cast<std::int64_t>(capacity)));
        return [&blob, &window, position] {
            const std::span<char> out(window.octets.get(), window.size);
            for (std::size_t have = 0; have < window.size;) {
                const std::size_t count = blob.read(position + static_cast<std::int64_t>(have), std::as_writable_bytes(out.subspan(have)));
                if (count == 0) return false;
                have += count;
            }
            return true;
        };
    };
    std::function<bool()> work = read_into(windows[0], offset, length);
    bool is_started = co_await start_work(work);
    for (std::size_t turn = 0; is_started; turn ^= 1) {
        const bool is_read = co_await finish_work();
        if (!is_read) co_return false;
        Window& window = windows[turn];
        offset += static_cast<std::int64_t>(window.size);
        length -= static_cast<std::int64_t>(window.size);
        if (length > 0) {
            work = read_into(windows[turn ^ 1], offset, length);
            is_started = co_await start_work(work);
        }
        iovec part{window.octets.get(), window.size};
        const bool is_written = co_await write_all({&part, 1}, length > 0);
        if (!is_written || length == 0) {
            co_await finish_work();
            co_return is_written;
        }
    }
    co_return false;
}

Task<bool> Connection::write_generated(bool is_chunked) {
    std::array<std::string, 2> pieces;
    bool has_next = false;
    const auto make = [this, &has_next](std::string& piece) -> std::function<bool()> {
        piece.clear();
        return [this, &has_next, &piece] {
            has_next = response_.generate(piece);
            return true;
        };
    };
    std::function<bool()> work = make(pieces[0]);
    bool is_started = co_await start_work(work);
    for (std::size_t turn = 0; is_started; turn ^= 1) {
        const bool is_made = co_await finish_work();
        if (!is_made) co_return false;
        std::string& piece = pieces[turn];
        const bool is_last = !has_next;
        if (!is_last) {
            work = make(pieces[turn ^ 1]);
            is_started = co_await start_work(work);
        }
        std::string size;
        std::string end;
        if (is_chunked) {
            char digits[20];
            const auto digits_end = std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr;
            if (!piece.empty()) size.assign(digits, digits_end).append("\r\n");
            if (!piece.empty()) end = "\r\n";
            if (is_last) end += "0\r\n\r\n";
        }
        std::array<iovec, 3> parts{{{size.data(), size.size()}, {piece.data(), piece.size()}, {end.data(), end.size()}}};
        const bool is_written = co_await write_all(parts, false);
        if (!is_written || is_last) {
            co_await finish_work();
            co_return is_written;
        }
    }
    co_return false;
}

}  // namespace edgesync::http
