#include "kernel/packet_line/turns_by_line.h"

#include <atomic>
#include <memory>
#include <utility>

namespace edgesync::packet_line {

void TurnsByLine::run(const std::string& org, Begin begin) {
    {
        const std::lock_guard lock(mutex_);
        Line& line = lines_[org];
        if (most_ > 0 && line.running >= most_) return line.waiting.push_back(std::move(begin));
        ++line.running;
    }
    start(org, std::move(begin));
}

void TurnsByLine::start(const std::string& org, Begin begin) {
    enum : int { Inside, EndedInside, Outside, Ended };
    while (begin) {
        const auto phase = std::make_shared<std::atomic<int>>(Inside);
        try {
            begin([this, org, phase] {
                int expected = Inside;
                // What ends at once is followed by the loop, so that the stack does not grow with the queue.
                if (phase->compare_exchange_strong(expected, EndedInside)) return;
                if (phase->compare_exchange_strong(expected = Outside, Ended)) start(org, next_after(org));
            });
        } catch (...) {
            int expected = Inside;
            phase->compare_exchange_strong(expected, EndedInside);
        }
        int expected = Inside;
        if (phase->compare_exchange_strong(expected, Outside)) return;
        begin = next_after(org);
    }
}

/// What waited for the end of one of the organization; empty: nothing did.
TurnsByLine::Begin TurnsByLine::next_after(const std::string& org) {
    const std::lock_guard lock(mutex_);
    Line& line = lines_[org];
    if (line.waiting.empty()) {
        if (--line.running == 0) lines_.erase(org);
        return nullptr;
    }
    Begin next = std::move(line.waiting.front());
    line.waiting.pop_front();
    return next;
}

}  // namespace edgesync::packet_line
