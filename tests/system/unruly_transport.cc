// A transport that breaks its contract in the way that its settings ask for; loaded into real nodes.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "edgesync/sdk/transport.h"
#include "tests/system/unruly_device.h"

namespace {

using namespace edgesync;

/// What it does before it has its settings.
bool is_early_mood(const char* mood) {
    const char* wanted = ::getenv("UNRULY_EARLY_MOOD");
    return wanted != nullptr && std::string(wanted) == mood;
}

[[noreturn]] void hang() {
    for (;;) ::pause();
}

/// Until the test opens the FIFO that UNRULY_GATE names for writing.
void wait_at_gate() {
    int fd = -1;
    do {
        fd = ::open(::getenv("UNRULY_GATE"), O_RDONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    ::close(fd);
}

/// Needs more stack than any thread has; what it returns keeps the compiler from making a loop of it.
int overflow(int depth) {
    std::array<volatile char, 1024> stack{};
    stack[static_cast<std::size_t>(depth) % stack.size()] = static_cast<char>(depth);
    return depth < 0 ? 0 : overflow(depth + 1) + stack[0];
}

/// The process that it begins crashes, and not the service.
void fork_what_crashes() {
    const pid_t child = ::fork();
    if (child == 0) ::raise(SIGSEGV);
    ::waitpid(child, nullptr, 0);
}

/// Destroyed when the program has come to its end.
struct StaticObject {
    ~StaticObject() noexcept(false) {
        if (is_early_mood("static-throws")) throw std::runtime_error("too late");
    }
} static_object;

/// What ends the process, if the mood says so.
void end(const std::string& how) {
    if (how == "throws") throw std::runtime_error("nobody is there to catch it");
    if (how == "crashes") ::raise(SIGSEGV);
    if (how == "overflows") ::raise(overflow(0));
    if (how == "aborts") ::abort();
    if (how == "device-crashes") unruly_device_crash(3);
    if (how == "device-crashes-deep") unruly_device_crash(2000);
    if (how == "device-thread-crashes") unruly_device_crash_in_thread();
    if (how == "exits") ::exit(0);
    if (how == "quick-exits") ::quick_exit(0);
}

class UnrulyHandler final : public HttpHandler {
public:
    std::int64_t body_limit(const HttpRequest&) const override { return 0; }
    void handle(HttpRequest, std::shared_ptr<HttpResponder>) override { throw 7; }
};

class UnrulyTransport final : public Transport {
public:
    UnrulyTransport() {
        if (is_early_mood("constructor-hangs")) hang();
    }
    std::vector<SettingDeclaration> declare_settings() const override {
        if (is_early_mood("declare-throws")) throw std::runtime_error("nothing to declare");
        if (is_early_mood("declare-hangs")) hang();
        if (is_early_mood("declare-is-slow")) wait_at_gate();
        return {{"UnrulyMood", "UNRULY_MOOD", SettingDeclaration::Type::Text, "", "What it does wrong."},
                {"UnrulyLevel", "", SettingDeclaration::Type::Integer, "3", "From 1 to 9.", false, 1, 9},
                {"UnrulySecret", "", SettingDeclaration::Type::Text, "", "Not to be shown.", true}};
    }
    void configure(const Settings& settings, Log& log) override {
        mood_ = settings.text("UnrulyMood");
        log.log(LogLevel::Info, "in the mood " + mood_);
        if (mood_ == "refuses") throw Error(ErrorKind::InvalidRequest, "UnrulyMood refuses: choose another");
        if (mood_ == "configure-throws") throw std::out_of_range("map::at");
        if (mood_ == "configure-hangs") hang();
    }
    TransportTraits traits() const noexcept override { return {.send_is_answered = true, .fetches_data = true, .pushes_data = true}; }
    void start(TransportHost& host) override {
        if (mood_ == "handler-throws") host.mount("/unruly", handler_);
        if (mood_ == "start-fails") throw Error(ErrorKind::NotConnected, "the device /dev/unruly is not there");
        if (mood_ == "start-throws") throw 7;
        if (mood_ == "start-hangs") hang();
        if (mood_.starts_with("start-")) end(mood_.substr(6));
        if (mood_ == "start-is-slow") wait_at_gate();
        if (mood_ == "stop-hangs") throw Error(ErrorKind::NotConnected, "it did not start, and will not stop");
        if (mood_.starts_with("thread-")) thread_ = std::thread([how = mood_.substr(7)] { end(how); });
    }
    void drain() override {
        const std::lock_guard lock(mutex_);
        is_draining_ = true;
        changed_.notify_all();
    }
    void stop() noexcept override {
        if (mood_ == "stop-hangs") hang();
        if (mood_ == "stop-exits") end("exits");
        if (thread_.joinable()) thread_.join();
    }
    PeerAnswer send(const NodeKey&, const Message&) override {
        if (mood_ == "send-throws") throw std::runtime_error("boom");
        if (mood_.starts_with("send-")) end(mood_.substr(5));
        if (mood_ == "send-forks") std::call_once(forked_, fork_what_crashes);
        std::unique_lock lock(mutex_);
        if (mood_ == "send-hangs") changed_.wait(lock, [this] { return is_draining_; });
        throw Error(ErrorKind::NotConnected, "no line");
    }
    std::optional<LineHealth> line_health() const override {
        std::unique_lock lock(mutex_);
        if (mood_ == "health-hangs") changed_.wait(lock, [this] { return is_draining_; });
        return std::nullopt;
    }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { throw Error(ErrorKind::NotConnected, "no line"); }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader&, const std::string&) override {
        throw Error(ErrorKind::NotConnected, "no line");
    }

private:
    std::string mood_;
    UnrulyHandler handler_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool is_draining_ = false;
    std::once_flag forked_;
    std::thread thread_;
};

}  // namespace

EDGESYNC_PLUGIN(Transport, "unruly", "0.9.1", UnrulyTransport);
