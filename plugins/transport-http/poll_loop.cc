#include "poll_loop.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"

namespace edgesync::transport_http {
namespace {

/// Added to the granted time before the line counts as dead.
constexpr std::chrono::seconds kGrace{15};
constexpr std::chrono::milliseconds kFirstPauseAfterFailure{1000};

}  // namespace

PollLoop::PollLoop(TransportHost& host, CssClient& client, PollOptions options)
    : host_(host), client_(client), options_(options), random_(std::random_device{}()) {}

void PollLoop::start() {
    thread_ = std::thread([this] { run(); });
}

void PollLoop::set_registered(bool registered) {
    const std::lock_guard lock(mutex_);
    is_registered_ = registered;
    is_parked_poll_granted_ = true;  // Asked again at every registration.
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

bool PollLoop::pause(std::chrono::milliseconds duration) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, duration, [this] { return is_stopped_ || !is_registered_; });
    return !is_stopped_ && is_registered_;
}

std::chrono::milliseconds PollLoop::jittered(std::chrono::milliseconds duration) {
    std::uniform_int_distribution<std::int64_t> jitter(0, duration.count() / 4);
    return duration - std::chrono::milliseconds(jitter(random_));
}

void PollLoop::run() {
    const std::chrono::milliseconds longest = options_.interval;
    const std::chrono::milliseconds step = std::max(longest / 10, std::chrono::milliseconds(100));
    std::chrono::milliseconds waiting = step;
    std::chrono::milliseconds failing = kFirstPauseAfterFailure;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_stopped_ || is_registered_; });
            if (is_stopped_) return;
        }
        const Outcome outcome = poll();
        if (outcome == Outcome::Stopped) return;
        if (outcome == Outcome::Content) {
            waiting = step;
            failing = kFirstPauseAfterFailure;
            continue;
        }
        if (outcome == Outcome::Failed) {
            pause(jittered(failing));
            failing = std::min(failing * 2, longest);
            continue;
        }
        failing = kFirstPauseAfterFailure;
        bool is_granted = false;
        {
            const std::lock_guard lock(mutex_);
            is_granted = is_parked_poll_granted_ && options_.is_push_wanted;
        }
        if (is_granted) continue;
        if (pause(waiting)) waiting = std::min(waiting + step, longest);
    }
}

PollLoop::Outcome PollLoop::poll() {
    CssCall call;
    call.method = "GET";
    call.path = std::string(kPrefix) + "objects/";
    call.timeout = options_.timeout;
    if (options_.is_push_wanted) {
        call.headers.push_back({"Prefer", "wait=" + std::to_string(options_.wait.count())});
        call.timeout = options_.wait + kGrace;
    }
    try {
        const CssAnswer answer = client_.call(call);
        {
            const std::lock_guard lock(mutex_);
            is_parked_poll_granted_ = !answer.header("Preference-Applied").empty();
        }
        if (answer.status == 424) host_.report_unknown();
        if (answer.status == 204) return Outcome::Empty;
        if (answer.status != 200) {
            host_.log().trace(LogLevel::Warning, "The CSS answers a poll with " + std::to_string(answer.status));
            return Outcome::Failed;
        }
        const auto items = codec::poll_items_from_json(answer.body);
        for (const auto& item : items) host_.handle({host_.self().org, "Cloud", "Cloud"}, item, [](HandleResult) {});
        return items.empty() ? Outcome::Empty : Outcome::Content;
    } catch (const Error& error) {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return Outcome::Stopped;
        host_.log().trace(LogLevel::Info, std::string("Polling failed: ") + error.what());
        return Outcome::Failed;
    }
}

}  // namespace edgesync::transport_http
