#include "kernel/delivery/line.h"

#include <algorithm>

namespace edgesync::delivery {

Line::Line(rules::Scheduler& scheduler, std::chrono::seconds first_pause, std::function<void()> retry)
    : scheduler_(scheduler), first_pause_(first_pause), retry_(std::move(retry)), pause_(first_pause_), random_(std::random_device{}()) {}

Line::~Line() { stop(); }

bool Line::is_up() const {
    const std::lock_guard lock(mutex_);
    return is_up_;
}

void Line::failed() {
    const std::lock_guard lock(mutex_);
    if (!is_up_ || is_stopped_) return;
    is_up_ = false;
    std::uniform_int_distribution<std::int64_t> jitter(0, pause_.count() / 4);
    const auto delay = pause_ - std::chrono::milliseconds(jitter(random_));
    pause_ = std::min<std::chrono::milliseconds>(pause_ * 2, kLongestPause);
    timer_ = scheduler_.after(delay, [this] {
        {
            const std::lock_guard inner(mutex_);
            if (is_stopped_) return;
            is_up_ = true;  // Until the next failure, which then starts a longer pause.
            timer_ = 0;
        }
        if (!scheduler_.work(retry_)) failed();
    });
}

void Line::succeeded() {
    const std::lock_guard lock(mutex_);
    pause_ = first_pause_;
}

void Line::restored() {
    const std::lock_guard lock(mutex_);
    pause_ = first_pause_;
    is_up_ = true;
    if (timer_ != 0) scheduler_.cancel(timer_);
    timer_ = 0;
}

void Line::stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    if (timer_ != 0) scheduler_.cancel(timer_);
    timer_ = 0;
}

}  // namespace edgesync::delivery
