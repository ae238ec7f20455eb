#include "kernel/delivery/registration_client.h"

#include <utility>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::delivery {
namespace {

constexpr char kCodeVersion[] = "1.0";
/// After a failure; doubles up to the resend interval. Nodes are often started together, and the CSS is up a moment later.
constexpr std::chrono::milliseconds kFirstRetry{200};

}  // namespace

RegistrationClient::RegistrationClient(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler,
                                       Log& log, Hooks hooks, std::chrono::milliseconds ping_interval)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log), hooks_(std::move(hooks)), ping_interval_(ping_interval),
      number_(std::chrono::system_clock::now().time_since_epoch().count()), retry_pause_(kFirstRetry) {}

void RegistrationClient::start() {
    scheduler_.work([this] { exchange(); });
    schedule_tick();
}

void RegistrationClient::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        scheduler_.cancel(timer_);
        scheduler_.cancel(retry_timer_);
    }
    const std::lock_guard wait_for_exchange(exchange_mutex_);
}

bool RegistrationClient::is_registered() const {
    const std::lock_guard lock(mutex_);
    return is_registered_;
}

void RegistrationClient::schedule_tick() {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    timer_ = scheduler_.after(std::chrono::duration_cast<std::chrono::milliseconds>(context_.resend_interval), [this] { tick(); });
}

void RegistrationClient::retry_soon() {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || is_registered_ || retry_pause_ >= context_.resend_interval) return;  // The tick comes as soon.
    scheduler_.cancel(retry_timer_);
    retry_timer_ = scheduler_.after(retry_pause_, [this] { scheduler_.work([this] { exchange(); }); });
    retry_pause_ *= 2;
}

void RegistrationClient::tick() {
    scheduler_.work([this] { exchange(); });
    schedule_tick();
}

PeerAnswer RegistrationClient::send(Command command) {
    Message message;
    message.command = command;
    if (command == Command::Register || command == Command::RegisterNew) {
        const std::lock_guard lock(mutex_);
        awaits_answer_ = awaits_answer_ || command == Command::Register;
        has_asked_ = true;
        if (!transport_->traits().send_is_answered) message.meta.instance_id = number_;
    }
    message.is_persistent = context_.is_storage_persistent;
    message.code_version = kCodeVersion;
    return transport_->send(context_.cloud(), message);
}

void RegistrationClient::exchange() {
    const std::unique_lock one_at_a_time(exchange_mutex_, std::try_to_lock);
    if (one_at_a_time.owns_lock()) exchange_once();
}

void RegistrationClient::exchange_once() {
    bool registered = false;
    bool pings = false;
    bool resends = false;
    bool as_new = false;
    bool failed = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        registered = is_registered_;
        as_new = must_register_new_;
        resends = wants_resend_;
        pings = registered && ping_interval_.count() > 0 && std::chrono::steady_clock::now() - last_ping_ >= ping_interval_;
    }
    try {
        if (!registered) {
            const PeerAnswer answer = send(as_new ? Command::RegisterNew : Command::Register);
            if (answer.verdict == Verdict::Accepted && transport_->traits().send_is_answered) acknowledged(as_new, answer.capabilities);
            if (answer.verdict == Verdict::UnknownPeer && !as_new) told_unknown();
            if (answer.verdict != Verdict::Accepted && answer.verdict != Verdict::UnknownPeer) {
                throw Error(ErrorKind::NotConnected, "the CSS refused: " + answer.reason);
            }
        } else if (pings) {
            if (send(Command::Ping).verdict == Verdict::UnknownPeer) report_unknown();
            const std::lock_guard lock(mutex_);
            last_ping_ = std::chrono::steady_clock::now();
        }
        if (registered && resends && send(Command::Resend).verdict == Verdict::Accepted && transport_->traits().send_is_answered) {
            const std::lock_guard lock(mutex_);
            wants_resend_ = false;
        }
        const std::lock_guard lock(mutex_);
        last_problem_.clear();
    } catch (const Error& error) {
        const std::lock_guard lock(mutex_);
        if (last_problem_ != error.what()) log_.log(LogLevel::Warning, std::string("Cannot register at the CSS: ") + error.what());
        last_problem_ = error.what();
        failed = true;
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Registration failed: ") + error.what());
    }
    if (failed) retry_soon();
}

void RegistrationClient::acknowledged(bool was_new, const std::vector<std::string>& capabilities) {
    // Before the node counts as registered: if it fails, or the power does, the next acknowledgement does it.
    announce_if_needed();
    {
        const std::lock_guard lock(mutex_);
        is_registered_ = true;
        was_acknowledged_ = true;
        must_register_new_ = false;
        unknown_answers_ = 0;
        retry_pause_ = kFirstRetry;
        last_ping_ = std::chrono::steady_clock::now();
    }
    log_.log(LogLevel::Info, was_new ? "Registered as a new node" : "Registered");
    try {
        hooks_.changed(true, capabilities);
    } catch (...) {
        const std::lock_guard lock(mutex_);
        is_registered_ = false;
        throw;
    }
}

bool RegistrationClient::has_something_to_lose() {
    bool found = false;
    operations_.store().read([&](ReadTransaction& txn) {
        found = !txn.notifications_of_peer(context_.cloud(), "", 1).items.empty() ||
                !txn.notifications_of_peer(context_.self, "", 1).items.empty();
    });
    return found;
}

void RegistrationClient::told_unknown() {
    const bool may_lose = has_something_to_lose();
    {
        const std::lock_guard lock(mutex_);
        ++unknown_answers_;
        // One wrong answer of a misrouted proxy must not cost the state of this node.
        if (unknown_answers_ < 2 && may_lose) return;
    }
    operations_.run_and_wait<rules::Done>(
        [this](WriteTransaction& txn, rules::Effects& effects) { return forget_exchange(context_, txn, effects), rules::Done{}; });
    {
        const std::lock_guard lock(mutex_);
        must_register_new_ = true;
    }
    const PeerAnswer answer = send(Command::RegisterNew);
    if (answer.verdict == Verdict::Accepted && transport_->traits().send_is_answered) acknowledged(true, answer.capabilities);
}

void RegistrationClient::announce_if_needed() {
    bool is_needed = false;
    operations_.store().read([&](ReadTransaction& txn) { is_needed = must_announce(txn); });
    if (!is_needed) return;
    std::string cursor;
    do {
        cursor = operations_.run_and_wait<std::string>([&](WriteTransaction& txn, rules::Effects& effects) {
            auto next = announce_own_objects(context_, txn, cursor, 500, effects);
            if (next.empty()) set_announced(txn);
            return next;
        });
    } while (!cursor.empty());
}

void RegistrationClient::report_unknown() {
    {
        const std::lock_guard lock(mutex_);
        if (!is_registered_ || is_stopped_) return;
        is_registered_ = false;
        unknown_answers_ = 1;
    }
    log_.log(LogLevel::Warning, "The CSS does not know this node any more; registering again");
    hooks_.changed(false, {});
    // The tick does the rest, so that a confused CSS is not asked more often than every resend interval.
}

void RegistrationClient::register_again() {
    bool was_registered = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || transport_ == nullptr) return;
        was_registered = std::exchange(is_registered_, false);
        retry_pause_ = kFirstRetry;
        ++number_;
        has_asked_ = false;
        awaits_answer_ = false;
    }
    if (was_registered) hooks_.changed(false, {});
    scheduler_.work([this] {
        // An exchange that is under way may have begun before the line was lost.
        const std::lock_guard one_at_a_time(exchange_mutex_);
        exchange_once();
    });
}

void RegistrationClient::request_resend() {
    {
        const std::lock_guard lock(mutex_);
        wants_resend_ = true;
    }
    scheduler_.work([this] { exchange(); });
}

bool RegistrationClient::unregister() {
    try {
        const PeerAnswer answer = send(Command::Unregister);
        return answer.verdict == Verdict::Accepted || answer.verdict == Verdict::NotFound || answer.verdict == Verdict::UnknownPeer;
    } catch (const Error& error) {
        log_.log(LogLevel::Warning, std::string("Cannot unregister: ") + error.what());
        return false;
    }
}

/// A CSS that lost its records tells this node so in answer to every message; only the first answer after a registration is about that.
bool RegistrationClient::take_answer() {
    const std::lock_guard lock(mutex_);
    return std::exchange(awaits_answer_, false);
}

/// The answer to a registration that was sent before the line was lost. A traditional CSS does not repeat the number: its answers are late
/// if nothing was asked since.
bool RegistrationClient::is_late(const Message& answer) const {
    const std::lock_guard lock(mutex_);
    return answer.meta.instance_id == 0 ? !has_asked_ : answer.meta.instance_id != number_;
}

/// The answer to a registration that nobody has sent yet, if there is but one node of this name: the numbers begin with the time of the
/// start. Answers to an earlier run whose clock was ahead come before the first one to this run.
void RegistrationClient::note_namesake(const Message& answer) {
    {
        const std::lock_guard lock(mutex_);
        if (!was_acknowledged_ || answer.meta.instance_id <= number_ || std::exchange(knows_namesake_, true)) return;
    }
    const NodeKey& self = context_.self;
    log_.log(LogLevel::Warning, "Another node seems to register as " + self.org + "/" + self.type + "/" + self.id +
                                    ": two of one name take each other's messages and lose objects; give each a DestinationID of its own");
}

void RegistrationClient::handle(const Message& message) {
    switch (message.command) {
        case Command::RegAck: {
            note_namesake(message);
            if (is_late(message)) return;
            bool was_new = false;
            {
                const std::lock_guard lock(mutex_);
                if (is_registered_) return;  // The answer to a repetition.
                was_new = must_register_new_;
            }
            acknowledged(was_new, message.capabilities);
            break;
        }
        case Command::RegisterAsNew:
            if (message.meta.instance_id != 0 && is_late(message)) return;
            // In answer to something else than a registration: the CSS is asked once more before anything is given up.
            if (is_registered()) {
                register_again();
            } else if (take_answer()) {
                told_unknown();
            }
            break;
        case Command::AckResend: {
            const std::lock_guard lock(mutex_);
            wants_resend_ = false;
            break;
        }
        default: break;
    }
}

}  // namespace edgesync::delivery
