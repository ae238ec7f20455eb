#include "feed.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "sql_text.h"

namespace edgesync::postgres {
namespace {

using Clock = std::chrono::steady_clock;

/// Shows whether the connection still lives, and finds what a lost notification was about.
constexpr std::chrono::seconds kHeartbeat{5};
/// Between two readings of the table, so that a busy instance does not ask for each message.
constexpr std::chrono::milliseconds kBreath{5};
/// Messages are kept longer than this (Housekeeping); who did not read for so long may have missed some. Milliseconds.
constexpr std::int64_t kMissing = 30000;
/// A commit whose connection is lost may take so long on the server's side; it waits for a standby, for example.
constexpr std::chrono::minutes kDoubt{10};
constexpr std::int64_t kNobody = -1;
/// A question that took longer says too little about the time.
constexpr std::chrono::milliseconds kBestAnswer{200};
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

void Feed::in_doubt() {
    is_in_doubt_ = true;
    told();
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
    auto connection = std::make_unique<Connection>(options_.server);
    connection->run(options_.session);
    connection->run("SET synchronous_commit TO off");  // A notification is no promise.
    connection->listen(options_.channel);
    snapshot_ = connection->run("SELECT pg_current_snapshot()")[0][0].c_str();
    read_at_ = 0;
    connection_ = std::move(connection);
    ::eventfd_write(wake_fd_, 1);
    has_told_ = true;  // What was told just before the last connection ended may not have been notified.
    ask_time();
}

void Feed::ask_time() {
    const auto before = Clock::now();
    const Rows rows = connection_->run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    const auto after = Clock::now();
    if (after - before > kBestAnswer && asked_time_at_ != Clock::time_point{}) return;
    asked_time_at_ = after;
    clock_.set(TimePoint(std::chrono::microseconds(rows[0][0].as<std::int64_t>())), before + (after - before) / 2);
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
            hear_news();
            pause = options_.first_pause;
            follow();
        } catch (const std::exception& e) {
            if (connection_) log_.log(LogLevel::Warning, std::string("Changes of other instances are not heard: ") + e.what());
            connection_.reset();
            rest(pause);
            pause = std::min(pause * 2, kLongestPause);
        }
    }
    say_last();
}

/// What was told while this closed; without it the others would hear it at their next heartbeat.
void Feed::say_last() noexcept {
    try {
        if (connection_ && has_told_.exchange(false)) connection_->run(notification());
    } catch (const std::exception&) {
        // The others look by themselves.
    }
}

std::string Feed::notification() const { return "NOTIFY " + connection_->quoted_name(options_.channel) + ";"; }

// Rests as long as reading took, so that a slow database is not asked without end.
void Feed::follow() {
    while (!is_closing()) {
        connection_->wait_for_notification(wake_fd_, kHeartbeat);
        eventfd_t ignored = 0;
        ::eventfd_read(wake_fd_, &ignored);
        const auto before = Clock::now();
        const bool is_in_doubt = is_in_doubt_.exchange(false);
        if (is_in_doubt) hears_itself_until_ = before + kDoubt;
        hear_news();
        if (is_in_doubt) say(std::nullopt);
        if (Clock::now() - asked_time_at_ >= kHeartbeat) ask_time();
        rest(std::max(kBreath, std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - before)));
    }
}

// Two times of the database are compared, because a host that was suspended may not have noticed it.
void Feed::hear_news() {
    std::string text;
    if (has_told_.exchange(false)) text = notification();
    const std::int64_t unheard = Clock::now() < hears_itself_until_ ? kNobody : options_.origin;
    const Rows rows = connection_->run(text + Call("hear").text(snapshot_).number(unheard).str());
    const auto now = rows[0][1].as<std::int64_t>();
    const bool may_have_missed = read_at_ != 0 && std::abs(now - read_at_) > kMissing;
    read_at_ = now;
    snapshot_ = rows[0][0].c_str();
    for (const auto& row : rows) {
        if (row[2].is_null()) continue;
        if (!may_have_missed) say(octets_of(row[3]));
    }
    if (may_have_missed) say(std::nullopt);
}

}  // namespace edgesync::postgres
