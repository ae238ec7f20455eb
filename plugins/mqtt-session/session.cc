#include "session.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "session_impl.h"

namespace edgesync::mqtt_session {
namespace {

std::chrono::milliseconds since(const std::optional<std::chrono::steady_clock::time_point>& time) {
    using std::chrono::milliseconds;
    if (!time) return milliseconds(0);
    return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - *time));
}

}  // namespace

Session::Session(SessionOptions options, SessionListener& listener, Log& log)
    : impl_(std::make_unique<Impl>(std::move(options), listener, log)) {}

Session::~Session() = default;

void Session::start() { impl_->start(); }

FirstAttempt Session::wait_first_attempt(std::chrono::milliseconds timeout) const { return impl_->wait_first_attempt(timeout); }

void Session::set_filters(std::vector<std::string> filters) { impl_->set_filters(std::move(filters)); }

void Session::reconnect(const std::string& reason) { impl_->reconnect(reason); }

void Session::publish(const std::string& topic, std::string payload, std::size_t most_waiting) {
    impl_->publish(topic, std::move(payload), most_waiting);
}

bool Session::is_connected() const { return impl_->is_connected(); }

std::size_t Session::largest_packet() const { return impl_->largest_packet(); }

bool Session::has_shared_subscriptions() const { return impl_->has_shared_subscriptions(); }

SessionHealth Session::health() const { return impl_->health(); }

void Session::stop() noexcept { impl_->stop(); }

Session::Impl::Impl(SessionOptions options, SessionListener& listener, Log& log)
    : options_(std::move(options)), listener_(listener),
      log_(log), versions_{ProtocolVersion::V5, ProtocolVersion::V311, ProtocolVersion::V31},
      back_off_(options_.first_pause, options_.max_backoff), random_(std::random_device{}()),
      received_(options_.received_bytes, options_.received_messages), limit_(options_.largest_packet) {
    if (!options_.may_use_v5) versions_.erase(versions_.begin());
    for (const auto& uri : options_.uris) uris_.push_back(parse_broker_uri(uri));
    if (uris_.empty()) throw Error(ErrorKind::InvalidRequest, options_.name + " has no address");
    const bool has_tls = std::any_of(uris_.begin(), uris_.end(), [](const BrokerUri& uri) { return uri.is_tls; });
    if (has_tls) trust_ = std::make_shared<const BrokerTrust>(options_.tls, options_.allows_private);
}

void Session::Impl::start() {
    {
        const std::lock_guard lock(mutex_);
        outage_begin_ = Clock::now();
    }
    thread_ = std::thread([this] { run(); });
}

FirstAttempt Session::Impl::wait_first_attempt(std::chrono::milliseconds timeout) const {
    Lock lock(mutex_);
    first_.wait_for(lock, timeout, [this] { return is_stopping_ || first_attempt_.outcome != FirstAttempt::Outcome::Pending; });
    return first_attempt_;
}

void Session::Impl::set_filters(std::vector<std::string> filters) {
    const std::lock_guard lock(mutex_);
    wanted_ = {filters.begin(), filters.end()};
    wake();
}

void Session::Impl::reconnect(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (connection_ != nullptr) reconnect_ = reason;
    wake();
}

void Session::Impl::wake() {
    is_woken_ = true;
    wake_.notify_one();
}

bool Session::Impl::has_room(std::size_t octets, std::size_t most_waiting) const {
    if (sending_messages_ >= options_.sending_messages) return false;
    return sending_octets_ == 0 || (sending_octets_ <= most_waiting && sending_octets_ + octets <= options_.sending_bytes);
}

void Session::Impl::fail_publish(ErrorKind kind, const std::string& problem) {
    ++counts_.publish_failures;
    publish_error_ = Clock::now();
    throw Error(kind, options_.name + ": " + problem);
}

/// Leaves with the room taken and the connection in use.
void Session::Impl::take_room(Lock& lock, const std::string& topic, std::size_t octets, std::size_t most_waiting) {
    const auto is_possible = [&] { return is_stopping_ || !is_ready_ || has_room(octets, most_waiting); };
    if (!is_possible()) {
        const ReceivedQueue::NoWaiting sending_comes_first;
        room_.wait_for(lock, options_.publish_wait, is_possible);
    }
    if (is_stopping_ || !is_ready_) fail_publish(ErrorKind::NotConnected, "not connected");
    if (!has_room(octets, most_waiting)) fail_publish(ErrorKind::Timeout, "the broker or the network is too slow to take another message");
    const std::size_t packet = packet_size(topic, octets, version_ == ProtocolVersion::V5);
    const std::size_t largest = limit_.limit(Clock::now());
    if (largest != 0 && packet > largest) {
        fail_publish(ErrorKind::InvalidRequest, "a message of " + std::to_string(octets) +
                                                    " octets is too large, it takes packets of up to " + std::to_string(largest) +
                                                    ": lower MaxDataChunkSize or raise the broker's limit");
    }
    limit_.writing(packet);
    sending_octets_ += octets;
    ++sending_messages_;
    ++users_;
}

void Session::Impl::publish(const std::string& topic, std::string payload, std::size_t most_waiting) {
    const std::size_t size = payload.size();
    Lock lock(mutex_);
    take_room(lock, topic, size, most_waiting);
    Connection& connection = *connection_;
    lock.unlock();
    std::optional<Error> problem;
    try {
        connection.send(topic, std::move(payload));
    } catch (const Error& error) {
        problem = error;
    }
    lock.lock();
    --users_;
    room_.notify_all();
    if (!problem) return;
    limit_.withdraw(packet_size(topic, size, version_ == ProtocolVersion::V5));
    give_room(size);
    fail_publish(problem->kind(), problem->what());
}

void Session::Impl::give_room(std::size_t octets) {
    sending_octets_ -= std::min(sending_octets_, octets);
    if (sending_messages_ > 0) --sending_messages_;
    room_.notify_all();
}

void Session::Impl::send_finished(std::size_t octets, bool is_written) {
    const std::lock_guard lock(mutex_);
    give_room(octets);
    if (is_written) {
        limit_.written(Clock::now());
    } else {
        ++counts_.publish_failures;
        publish_error_ = Clock::now();
    }
}

bool Session::Impl::is_connected() const {
    const std::lock_guard lock(mutex_);
    return is_ready_;
}

std::size_t Session::Impl::largest_packet() const {
    const std::lock_guard lock(mutex_);
    return limit_.limit(Clock::now());
}

bool Session::Impl::has_shared_subscriptions() const {
    const std::lock_guard lock(mutex_);
    return has_shared_;
}

SessionHealth Session::Impl::health() const {
    const std::lock_guard lock(mutex_);
    SessionHealth out = counts_;
    out.is_connected = is_ready_;
    if (!is_ready_ && outage_begin_ != Clock::time_point{}) out.last_disconnect = since(outage_begin_);
    out.since_subscribe_error = since(subscribe_error_);
    out.since_publish_error = since(publish_error_);
    return out;
}

void Session::Impl::stop() noexcept {
    const std::lock_guard one_at_a_time(stop_mutex_);
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        wake();
        room_.notify_all();
        first_.notify_all();
    }
    received_.close();
    if (thread_.joinable()) thread_.join();
}

}  // namespace edgesync::mqtt_session
