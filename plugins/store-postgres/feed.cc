#include "feed.h"

#include <unistd.h>

#include "sql_text.h"

namespace edgesync::postgres {
namespace {

using Clock = std::chrono::steady_clock;

/// Shows whether the connection still lives, and finds what a lost notification was about.
constexpr std::chrono::seconds kHeartbeat{5};
/// Between two readings of the table, so that a busy instance does not ask for each message.
constexpr std::chrono::milliseconds kBreath{5};
/// Messages are kept longer than this (Housekeeping); who did not read for so long may have missed some.
constexpr std::chrono::seconds kMissing{30};
constexpr std::chrono::milliseconds kLongestPause{5000};

int make_wake_fd() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw Error(ErrorKind::Io, "Cannot make an event descriptor");
    return fd;
}

}  // namespace

void DatabaseClock::set(TimePoint there, Clock::time_point here) {
    offset_ = there.time_since_epoch().count() - std::chrono::nanoseconds(here.time_since_epoch()).count();
}

TimePoint DatabaseClock::now() const {
    const std::int64_t offset = offset_;
    if (offset == 0) return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    return TimePoint(std::chrono::nanoseconds(offset) + Clock::now().time_since_epoch());
}

Feed::Feed(FeedOptions options, DatabaseClock& clock, Log& log)
    : options_(std::move(options)), clock_(clock), log_(log), wake_fd_(make_wake_fd()) {
    try {
        connect();
        thread_ = std::thread([this] { run(); });
    } catch (...) {
        ::close(wake_fd_);
        throw;
    }
}

Feed::~Feed() {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
    }
    wake_.notify_all();
    ::eventfd_write(wake_fd_, 1);
    thread_.join();
    ::close(wake_fd_);
}

void Feed::listen(Store::Hear hear) {
    const std::lock_guard lock(mutex_);
    hear_ = std::move(hear);
}

void Feed::told() {
    // Who finds the flag set knows that the thread has not come to it yet.
    if (!has_told_.exchange(true)) ::eventfd_write(wake_fd_, 1);
}

bool Feed::is_closing() const {
    const std::lock_guard lock(mutex_);
    return is_closing_;
}

void Feed::say(const std::optional<std::string>& message) const {
    Store::Hear hear;
    {
        const std::lock_guard lock(mutex_);
        hear = hear_;
    }
    if (hear) hear(message);
}

void Feed::connect() {
    connection_.reset();
    auto connection = std::make_unique<Connection>(options_.connection);
    connection->run(options_.session);
    connection->listen(options_.channel);
    snapshot_ = connection->run("SELECT pg_current_snapshot()")[0][0].c_str();
    read_at_ = Clock::now();
    connection_ = std::move(connection);
    ::eventfd_write(wake_fd_, 1);
    has_told_ = true;  // What was told just before the last connection ended may not have been notified.
    ask_time();
}

void Feed::ask_time() {
    const auto before = Clock::now();
    const Rows rows = connection_->run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    asked_time_at_ = Clock::now();
    clock_.set(TimePoint(std::chrono::microseconds(rows[0][0].as<std::int64_t>())), before + (asked_time_at_ - before) / 2);
}

void Feed::rest(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [&] { return is_closing_; });
}

void Feed::run() {
    auto pause = options_.first_pause;
    while (!is_closing()) {
        try {
            if (!connection_) {
                connect();
                log_.log(LogLevel::Info, "Changes of other instances are heard again");
                say(std::nullopt);
            }
            pause = options_.first_pause;
            follow();
        } catch (const std::exception& e) {
            if (connection_) log_.log(LogLevel::Warning, std::string("Changes of other instances are not heard: ") + e.what());
            connection_.reset();
            rest(pause);
            pause = std::min(pause * 2, kLongestPause);
        }
    }
}

void Feed::follow() {
    while (!is_closing()) {
        connection_->wait_for_notification(wake_fd_, kHeartbeat);
        eventfd_t ignored = 0;
        ::eventfd_read(wake_fd_, &ignored);
        hear_news();
        if (Clock::now() - asked_time_at_ >= kHeartbeat) ask_time();
        rest(kBreath);
    }
}

void Feed::hear_news() {
    std::string text;
    if (has_told_.exchange(false)) text = "NOTIFY " + connection_->quoted_name(options_.channel) + ";";
    const auto before = Clock::now();
    const Rows rows = connection_->run(text + Call("hear").text(snapshot_).number(options_.origin).str());
    const bool may_have_missed = before - read_at_ > kMissing;
    read_at_ = before;
    snapshot_ = rows[0][0].c_str();
    if (may_have_missed) return say(std::nullopt);
    for (const auto& row : rows) {
        if (!row[1].is_null()) say(octets_of(row[1]));
    }
}

}  // namespace edgesync::postgres
