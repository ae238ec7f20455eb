// When a transfer that goes on, but hardly, is given up. Internal to this room.
#pragma once

#include <chrono>
#include <cstddef>

namespace edgesync::http {

/// The deadline of waiting for one piece of a body or an answer. It moves on only when a kilobyte has moved, so that an octet now and
/// then does not buy time.
class TransferProgress {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kLeastOctets = 1024;

    /// `limit` without progress; 0: for ever.
    explicit TransferProgress(std::chrono::seconds limit) : limit_(limit) {}
    void moved(std::size_t octets) noexcept { octets_ += octets; }
    /// For the wait that begins now.
    Clock::time_point deadline() noexcept {
        if (octets_ < kLeastOctets) return deadline_;
        octets_ = 0;
        deadline_ = limit_.count() == 0 ? Clock::time_point::max() : Clock::now() + limit_;
        return deadline_;
    }

private:
    const std::chrono::seconds limit_;
    std::size_t octets_ = kLeastOctets;
    Clock::time_point deadline_;
};

}  // namespace edgesync::http
