#include "housekeeping.h"

#include "sql_text.h"

namespace edgesync::postgres {
namespace {

constexpr std::chrono::seconds kPeriod{1};
constexpr int kPeriodsBetweenProbes = 10;
constexpr int kPeriodsBetweenSweeps = 30;
constexpr std::size_t kCleaningsThatFeedIsKept = 2;
/// A server that does not answer a question that costs nothing, as when its machine or its disk hangs.
constexpr std::chrono::seconds kSilence{10};

std::int64_t steady_milliseconds() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Sets the time for as long as it lives.
class Asking {
public:
    explicit Asking(std::atomic<std::int64_t>& at) : at_(at) { at_ = steady_milliseconds(); }
    ~Asking() { at_ = 0; }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

private:
    std::atomic<std::int64_t>& at_;
};

std::string lock_call(const char* function, const std::string& owner) {
    return std::string("SELECT ") + function + "('" + owner + "'::bigint)";
}

}  // namespace

// The server may notice the end of a connection late, and the next run must find the lock free.
Presence::~Presence() {
    try {
        if (connection_ && connection_->is_usable()) connection_->run("SELECT pg_advisory_unlock_all()");
    } catch (const std::exception&) {
        // Then the end of the connection releases it.
    }
}

std::chrono::milliseconds Presence::silence() const {
    const std::int64_t at = asked_at_;
    return std::chrono::milliseconds(at == 0 ? 0 : steady_milliseconds() - at);
}

void Presence::hold() {
    const Asking asking(asked_at_);
    if (connection_ && connection_->is_usable()) {
        connection_->run("SELECT 1");
        return;
    }
    connection_.reset();
    auto connection = std::make_unique<Connection>(server_);
    connection->run(session_);
    // Another instance may be looking at this moment whether it is held.
    if (connection->run(lock_call("pg_try_advisory_lock", std::to_string(owner_)))[0][0].as<std::string>() != "t")
        throw Error(ErrorKind::Busy, "The lock of this instance is taken");
    connection_ = std::move(connection);
}

// Later than at the start only of who was not there twice: an instance whose connection broke while it receives data takes its lock again
// within seconds.
void Presence::doom_orphans(bool at_once) {
    std::set<std::string> absent;
    for (const auto& row : connection_->run(Call("orphan_owners").number(owner_).str())) {
        const std::string owner = row[0].c_str();
        if (connection_->run(lock_call("pg_try_advisory_lock", owner))[0][0].as<std::string>() != "t") continue;
        if (at_once || absent_.contains(owner)) connection_->run(Call("doom_orphans").number(std::stoll(owner)).str());
        absent.insert(owner);
        connection_->run(lock_call("pg_advisory_unlock", owner));
    }
    absent_ = std::move(absent);
}

Housekeeping::Housekeeping(ConnectionPool& pool, Blobs& blobs, std::unique_ptr<Presence> presence)
    : pool_(pool), blobs_(blobs), presence_(std::move(presence)), thread_([this] { run(); }) {}

Housekeeping::~Housekeeping() {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Housekeeping::run() {
    std::unique_lock lock(mutex_);
    for (int period = 1; !wake_.wait_for(lock, kPeriod, [&] { return is_closing_; }); ++period) {
        lock.unlock();
        work(period, show_life());
        lock.lock();
    }
}

bool Housekeeping::is_silent() const { return presence_->silence() > kSilence; }

bool Housekeeping::show_life() noexcept {
    try {
        presence_->hold();
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

// When the lock's connection is lost the pool's most likely are, too; it must not count as connected until somebody needs it.
void Housekeeping::work(int period, bool lives) {
    try {
        if (!lives || !pool_.is_connected() || period % kPeriodsBetweenProbes == 0) pool_.take()->run(Call("fold_counters").str());
        if (lives && period % kPeriodsBetweenSweeps == 0) clean();
    } catch (const std::exception&) {
        // The pool says in the store's health what is wrong; the next period tries again.
    }
}

void Housekeeping::clean() {
    presence_->doom_orphans(false);
    blobs_.sweep(kSweepGrace);
    pool_.take()->run(Call("forget_erased").str());
    trim_feed();
}

// By ids and not by times, because only those are indexed; and only what could be seen then, because a commit may take long, and
// because ids go back after a failover to a replica that lagged.
void Housekeeping::trim_feed() {
    const auto connection = pool_.take();
    const Rows rows = connection->run(Call("feed_end").str());
    feed_ends_.push_back({rows[0][0].as<std::int64_t>(), rows[0][1].c_str()});
    if (feed_ends_.size() <= kCleaningsThatFeedIsKept) return;
    connection->run(Call("forget_feed").number(feed_ends_.front().id).text(feed_ends_.front().snapshot).str());
    feed_ends_.pop_front();
}

}  // namespace edgesync::postgres
