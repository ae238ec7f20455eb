// One connection's octets, plain or over TLS, never blocking. Internal to this room.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace edgesync::http {

/// Owns a file descriptor.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept;
    ~UniqueFd();
    int get() const noexcept { return fd_; }
    int release() noexcept;

private:
    int fd_ = -1;
};

struct SslFree {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// Reads and writes what is possible now. OpenSSL works on the descriptor itself instead of through Asio's TLS stream, whose two
/// 17 KiB buffers per connection a parked node cannot afford. Does not own the descriptor. One thread at a time.
class ByteStream {
public:
    enum class State {
        Done,       ///< Something was transferred.
        WantRead,   ///< Again when the descriptor is readable.
        WantWrite,  ///< Again when it is writable.
        Ended,      ///< The peer closed.
        Failed,     ///< Nothing more can be transferred.
    };
    struct Result {
        State state = State::Failed;
        std::size_t octets = 0;
    };

    ByteStream(int fd, SslPtr ssl);

    bool is_tls() const noexcept { return ssl_ != nullptr; }
    /// Octets can be read although the descriptor is not readable.
    bool has_buffered() const noexcept { return ssl_ && SSL_pending(ssl_.get()) > 0; }
    /// Done once TLS is established.
    Result handshake();
    Result read(char* out, std::size_t size);
    /// `more`: more follows at once, a short packet should wait for it. A repeated call must offer the same octets.
    Result write(const iovec* parts, int count, bool more);
    /// Plain only. Advances `offset`. Ended: the file is shorter than expected.
    Result send_file(int file, off_t& offset, std::size_t size);
    /// Tells the peer that nothing more comes; the other direction stays open.
    void end_output();

private:
    Result tls_result(int returned);

    int fd_;
    SslPtr ssl_;
};

}  // namespace edgesync::http
