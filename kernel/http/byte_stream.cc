#include "kernel/http/byte_stream.h"

#include <openssl/err.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace edgesync::http {
namespace {

/// What fits into one TLS record.
constexpr std::size_t kRecordBytes = 16 * 1024;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = other.release();
    }
    return *this;
}

UniqueFd::~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
}

int UniqueFd::release() noexcept { return std::exchange(fd_, -1); }

ByteStream::ByteStream(int fd, SslPtr ssl) : fd_(fd), ssl_(std::move(ssl)) {
    if (!ssl_) return;
    SSL_set_fd(ssl_.get(), fd_);
    SSL_set_accept_state(ssl_.get());
}

ByteStream::Result ByteStream::tls_result(int returned) {
    if (returned > 0) return {State::Done, static_cast<std::size_t>(returned)};
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ: return {State::WantRead, 0};
        case SSL_ERROR_WANT_WRITE: return {State::WantWrite, 0};
        case SSL_ERROR_ZERO_RETURN: return {State::Ended, 0};
        default: return {State::Failed, 0};
    }
}

ByteStream::Result ByteStream::handshake() {
    ERR_clear_error();
    return tls_result(SSL_do_handshake(ssl_.get()));
}

ByteStream::Result ByteStream::read(char* out, std::size_t size) {
    if (ssl_) {
        ERR_clear_error();
        return tls_result(SSL_read(ssl_.get(), out, static_cast<int>(std::min<std::size_t>(size, 1U << 30))));
    }
    for (;;) {
        const ssize_t count = ::recv(fd_, out, size, 0);
        if (count > 0) return {State::Done, static_cast<std::size_t>(count)};
        if (count == 0) return {State::Ended, 0};
        if (errno == EINTR) continue;
        return {would_block(errno) ? State::WantRead : State::Failed, 0};
    }
}

ByteStream::Result ByteStream::write(const iovec* parts, int count, bool more) {
    if (ssl_) {
        // One record for the head and a small body; a large part goes by itself.
        std::array<char, kRecordBytes> record;
        std::size_t size = 0;
        const iovec* part = parts;
        for (; part != parts + count && size + part->iov_len <= record.size(); ++part) {
            if (part->iov_len > 0) std::memcpy(record.data() + size, part->iov_base, part->iov_len);
            size += part->iov_len;
        }
        const bool is_copied = size > 0 || part == parts + count;
        const void* from = is_copied ? record.data() : part->iov_base;
        const std::size_t length = is_copied ? size : part->iov_len;
        if (length == 0) return {State::Done, 0};
        ERR_clear_error();
        return tls_result(SSL_write(ssl_.get(), from, static_cast<int>(std::min<std::size_t>(length, 1U << 30))));
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    for (;;) {
        const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (sent >= 0) return {State::Done, static_cast<std::size_t>(sent)};
        if (errno == EINTR) continue;
        return {would_block(errno) ? State::WantWrite : State::Failed, 0};
    }
}

ByteStream::Result ByteStream::send_file(int file, off_t& offset, std::size_t size) {
    for (;;) {
        const ssize_t sent = ::sendfile(fd_, file, &offset, size);
        if (sent > 0) return {State::Done, static_cast<std::size_t>(sent)};
        if (sent == 0) return {State::Ended, 0};
        if (errno == EINTR) continue;
        return {would_block(errno) ? State::WantWrite : State::Failed, 0};
    }
}

void ByteStream::end_output() {
    if (ssl_ && SSL_is_init_finished(ssl_.get())) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    ::shutdown(fd_, SHUT_WR);
}

}  // namespace edgesync::http
