// A transport that breaks its contract in the way that its settings ask for; loaded into real nodes.
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "edgesync/sdk/transport.h"

namespace {

using namespace edgesync;

class UnrulyTransport final : public Transport {
public:
    std::vector<SettingDeclaration> declare_settings() const override {
        if (::getenv("UNRULY_DECLARATION") != nullptr) throw std::runtime_error("nothing to declare");
        return {{"UnrulyMood", "UNRULY_MOOD", SettingDeclaration::Type::Text, "", "What it does wrong."},
                {"UnrulyLevel", "", SettingDeclaration::Type::Integer, "3", "From 1 to 9.", false, 1, 9},
                {"UnrulySecret", "", SettingDeclaration::Type::Text, "", "Not to be shown.", true}};
    }
    void configure(const Settings& settings, Log& log) override {
        mood_ = settings.text("UnrulyMood");
        log.log(LogLevel::Info, "in the mood " + mood_);
        if (mood_ == "refuses") throw Error(ErrorKind::InvalidRequest, "UnrulyMood refuses: choose another");
        if (mood_ == "configure-throws") throw std::out_of_range("map::at");
    }
    TransportTraits traits() const noexcept override { return {.send_is_answered = true, .fetches_data = true, .pushes_data = true}; }
    void start(TransportHost&) override {
        if (mood_ == "start-fails") throw Error(ErrorKind::NotConnected, "the device /dev/unruly is not there");
        if (mood_ == "start-throws") throw 7;
        if (mood_ == "thread-throws") thread_ = std::thread([] { throw std::runtime_error("nobody is there to catch it"); });
    }
    void drain() override {
        const std::lock_guard lock(mutex_);
        is_draining_ = true;
        changed_.notify_all();
    }
    void stop() noexcept override {
        if (thread_.joinable()) thread_.join();
    }
    PeerAnswer send(const NodeKey&, const Message&) override {
        if (mood_ == "send-throws") throw std::runtime_error("boom");
        if (mood_ == "send-crashes") ::raise(SIGSEGV);
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
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool is_draining_ = false;
    std::thread thread_;
};

}  // namespace

EDGESYNC_PLUGIN(Transport, "unruly", "0.9.1", UnrulyTransport);
