#include "kernel/packet_line/turns_by_line.h"

#include <utility>

namespace edgesync::packet_line {

void TurnsByLine::run(const std::string& org, std::function<void(End)> begin) {
    {
        const std::lock_guard lock(mutex_);
        Line& line = lines_[org];
        if (most_ > 0 && line.running >= most_) return line.waiting.push_back(std::move(begin));
        ++line.running;
    }
    start(org, begin);
}

void TurnsByLine::start(const std::string& org, const std::function<void(End)>& begin) {
    begin([this, org] { ended(org); });
}

void TurnsByLine::ended(const std::string& org) {
    std::function<void(End)> next;
    {
        const std::lock_guard lock(mutex_);
        Line& line = lines_[org];
        if (!line.waiting.empty()) {
            next = std::move(line.waiting.front());
            line.waiting.pop_front();
        } else if (--line.running == 0) {
            lines_.erase(org);
        }
    }
    if (next) start(org, next);
}

}  // namespace edgesync::packet_line
