#include "poll_loop.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"

namespace edgesync::transport_http {
namespace {

using std::chrono::milliseconds;

/// Added to the time asked for before the line counts as dead.
constexpr std::chrono::seconds kGrace{15};
constexpr milliseconds kShortestStep{10};
constexpr milliseconds kFirstRepeatPause{100};
/// A granted wait that ends empty before this was none: two pollers of one identity would release each other without end.
constexpr milliseconds kShortestWait{500};

}  // namespace

PollLoop::PollLoop(TransportHost& host, CssClient& client, PollOptions options)
    : host_(host), client_(client), options_(options), step_(std::max(options_.interval / 10, kShortestStep)),
      random_(std::random_device{}()) {}

void PollLoop::start() {
    thread_ = std::thread([this] { run(); });
}

void PollLoop::set_registered(bool registered) {
    const std::lock_guard lock(mutex_);
    is_registered_ = registered;
    if (registered) {
        ++registration_;
        is_wait_granted_ = true;
    }
    changed_.notify_all();
}

void PollLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

bool PollLoop::pause(milliseconds duration, std::uint64_t registration) {
    std::unique_lock lock(mutex_);
    const auto is_over = [&] { return is_stopped_ || !is_registered_ || registration_ != registration; };
    changed_.wait_for(lock, duration, is_over);
    return !is_over();
}

milliseconds PollLoop::jittered(milliseconds duration) {
    std::uniform_int_distribution<std::int64_t> jitter(0, duration.count() / 4);
    return duration - milliseconds(jitter(random_));
}

PollLoop::Pace PollLoop::fresh_pace() const { return {step_, std::min(options_.retry_pause, options_.interval), kFirstRepeatPause}; }

bool PollLoop::asks_to_wait() {
    const std::lock_guard lock(mutex_);
    return options_.is_push_wanted && is_wait_granted_;
}

void PollLoop::run() {
    for (;;) {
        std::uint64_t registration = 0;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_stopped_ || is_registered_; });
            if (is_stopped_) return;
            registration = registration_;
        }
        poll_while_registered(registration);
    }
}

void PollLoop::poll_while_registered(std::uint64_t registration) {
    Pace pace = fresh_pace();
    last_content_ = 0;
    milliseconds next = asks_to_wait() ? milliseconds(0) : options_.first_pause;
    while (pause(next, registration)) {
        next = pause_after(poll(), pace);
        client_.close_unused();
    }
}

milliseconds PollLoop::pause_after(Outcome outcome, Pace& pace) {
    const auto grow = [](milliseconds& value, milliseconds by, milliseconds limit) {
        const milliseconds current = value;
        value = std::min(value + by, limit);
        return current;
    };
    switch (outcome) {
        case Outcome::Content: pace = fresh_pace(); return milliseconds(0);
        case Outcome::Repeated:
            pace.failing = fresh_pace().failing;
            return grow(pace.repeating, pace.repeating, std::max(options_.interval, kFirstRepeatPause));
        case Outcome::Failed: return jittered(grow(pace.failing, pace.failing, options_.interval));
        case Outcome::EmptyTooSoon: return jittered(grow(pace.waiting, step_, options_.interval));
        case Outcome::Empty: pace.failing = fresh_pace().failing; break;
    }
    if (!asks_to_wait()) return grow(pace.waiting, step_, options_.interval);
    pace = fresh_pace();
    return milliseconds(0);
}

PollLoop::Outcome PollLoop::poll() {
    CssCall call;
    call.method = "GET";
    call.path = std::string(kPrefix) + "objects/";
    call.timeout = options_.timeout;
    call.stall = options_.timeout;
    if (asks_to_wait()) {
        call.headers.push_back({"Prefer", "wait=" + std::to_string(options_.wait.count())});
        call.stall = options_.wait + kGrace;
        call.timeout = call.stall + options_.timeout;  // The answer may be long.
    }
    try {
        const auto begin = CallLimit::Clock::now();
        const CssAnswer answer = client_.call(call);
        return take_answer(answer, std::chrono::duration_cast<milliseconds>(CallLimit::Clock::now() - begin));
    } catch (const std::exception& error) {
        host_.log().trace(LogLevel::Info, std::string("Polling failed: ") + error.what());
        return Outcome::Failed;
    }
}

PollLoop::Outcome PollLoop::take_answer(const CssAnswer& answer, milliseconds lasted) {
    if (answer.status == 424) host_.report_unknown();
    if (answer.status != 200 && answer.status != 204) {
        host_.log().trace(LogLevel::Warning, "The CSS answers a poll with " + std::to_string(answer.status));
        return Outcome::Failed;
    }
    const bool was_asked = asks_to_wait();
    const bool is_granted = !answer.header("Preference-Applied").empty();
    if (was_asked && !is_granted) {
        const std::lock_guard lock(mutex_);
        is_wait_granted_ = false;
    }
    const auto items = answer.status == 204 ? std::vector<Message>() : codec::poll_items_from_json(answer.body);
    if (items.empty()) {
        last_content_ = 0;
        return was_asked && is_granted && lasted < kShortestWait ? Outcome::EmptyTooSoon : Outcome::Empty;
    }
    const NodeKey css{host_.self().org, "Cloud", "Cloud"};
    for (const auto& item : items) host_.handle(css, item, [](const HandleResult&) {});
    // A traditional CSS repeats an item until it was acted upon, which may take longer than asking.
    const std::size_t content = std::hash<std::string>{}(answer.body);
    const bool is_repeated = content == last_content_;
    last_content_ = content;
    return is_repeated ? Outcome::Repeated : Outcome::Content;
}

}  // namespace edgesync::transport_http
