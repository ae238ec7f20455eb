#include "received_queue.h"

namespace edgesync::mqtt_session {

bool ReceivedQueue::push(ReceivedMessage message) {
    std::unique_lock lock(mutex_);
    if (is_open_ && holds_more_than(2) && NoWaiting::count_ == 0)
        room_.wait_for(lock, kSlowDown, [this] { return !is_open_ || !holds_more_than(2); });
    if (!is_open_ || holds_more_than(1)) return false;
    octets_ += message.payload->size() + message.topic.size();
    messages_.push_back(std::move(message));
    return true;
}

std::optional<ReceivedMessage> ReceivedQueue::pop() {
    const std::lock_guard lock(mutex_);
    if (messages_.empty()) return std::nullopt;
    ReceivedMessage message = std::move(messages_.front());
    messages_.pop_front();
    octets_ -= message.payload->size() + message.topic.size();
    room_.notify_one();
    return message;
}

bool ReceivedQueue::is_empty() const {
    const std::lock_guard lock(mutex_);
    return messages_.empty();
}

void ReceivedQueue::close() {
    std::deque<ReceivedMessage> unread;  // Destroyed after the lock.
    const std::lock_guard lock(mutex_);
    is_open_ = false;
    unread.swap(messages_);
    octets_ = 0;
    room_.notify_all();
}

void ReceivedQueue::open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
}

}  // namespace edgesync::mqtt_session
