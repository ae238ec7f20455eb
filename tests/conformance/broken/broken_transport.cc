// A correct transport with one thing wrong, which the setting BrokenFault names ("none": nothing); the conformance kit must find it.
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "edgesync/sdk/transport.h"
#include "tests/conformance/broken/inner_plugin.h"

namespace edgesync::broken {
namespace {

enum class Fault { None, Drops, Duplicates, Reorders, Truncates, Blocks, CallsAfterStop, SwallowsErrors, IgnoresDrain, Crashes };

const std::map<std::string, Fault> kFaults = {
    {"none", Fault::None},
    {"drops", Fault::Drops},
    {"duplicates", Fault::Duplicates},
    {"reorders", Fault::Reorders},
    {"truncates", Fault::Truncates},
    {"blocks", Fault::Blocks},
    {"calls-after-stop", Fault::CallsAfterStop},
    {"swallows-errors", Fault::SwallowsErrors},
    {"ignores-drain", Fault::IgnoresDrain},
    {"crashes", Fault::Crashes},
};

class BrokenTransport : public Transport {
public:
    ~BrokenTransport() override {
        if (late_.joinable()) late_.join();
    }
    std::vector<SettingDeclaration> declare_settings() const override {
        auto all = settings_of_faults();
        all.push_back({"LoopName", "", SettingDeclaration::Type::Text, "", "Of the transport inside"});
        return all;
    }
    void configure(const Settings& settings, Log& log) override {
        const auto found = kFaults.find(settings.text(kFault));
        if (found == kFaults.end()) throw Error(ErrorKind::InvalidRequest, "BrokenFault is no fault that is known");
        fault_ = found->second;
        after_ = settings.integer(kAfter);
        inner_.emplace(settings, log);
    }
    TransportTraits traits() const noexcept override { return inner().traits(); }
    void start(TransportHost& host) override {
        host_ = &host;
        inner().start(host);
    }
    void drain() override {
        if (fault_ != Fault::IgnoresDrain) inner().drain();
    }
    void stop() noexcept override {
        inner().stop();
        if (fault_ != Fault::CallsAfterStop) return;
        late_ = std::thread([host = host_] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            host->handle({"org", "node", "n1"}, Message(), [](const HandleResult&) {});
        });
    }
    PeerAnswer send(const NodeKey& peer, const Message& message) override {
        const bool is_wrong = !message.meta.object_id.empty() && ++sends_ % (after_ + 1) == 0;
        if (fault_ == Fault::Drops && is_wrong) return {};
        if (fault_ == Fault::Blocks && is_wrong) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
        if (fault_ == Fault::Duplicates && is_wrong) inner().send(peer, message);
        if (fault_ == Fault::Reorders) return send_in_other_order(peer, message);
        return guarded([&] { return inner().send(peer, message); });
    }
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override {
        return inner().fetch(peer, request, sink);
    }
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override {
        if (fault_ == Fault::Crashes) *static_cast<volatile int*>(nullptr) = 1;
        DataRequest shorter = request;
        if (fault_ == Fault::Truncates && request.length > 1) shorter.length -= 1;
        return guarded([&] { return inner().push(peer, shorter, source, sha256); });
    }
    void registration_changed(bool registered, const std::vector<std::string>& capabilities) override {
        inner().registration_changed(registered, capabilities);
    }
    std::int64_t largest_payload(const NodeKey& peer) const override { return inner().largest_payload(peer); }

private:
    Transport& inner() const { return **inner_; }
    template <typename Call>
    PeerAnswer guarded(const Call& call) {
        if (fault_ != Fault::SwallowsErrors) return call();
        try {
            return call();
        } catch (const Error&) {
            return {};
        }
    }
    /// Every third message about an object goes after the next one.
    PeerAnswer send_in_other_order(const NodeKey& peer, const Message& message) {
        const std::lock_guard lock(mutex_);
        if (!held_ && !message.meta.object_id.empty() && ++sends_ % (after_ + 1) == 0) {
            held_ = message;
            return {};
        }
        const auto held = std::exchange(held_, std::nullopt);
        PeerAnswer answer = inner().send(peer, message);
        if (held) inner().send(peer, *held);
        return answer;
    }

    std::optional<Inner<Transport>> inner_;
    Fault fault_ = Fault::None;
    std::int64_t after_ = 0;
    TransportHost* host_ = nullptr;
    std::atomic<std::int64_t> sends_{0};
    std::mutex mutex_;
    std::optional<Message> held_;
    std::thread late_;
};

}  // namespace
}  // namespace edgesync::broken

EDGESYNC_PLUGIN(Transport, "broken", "1.0.0", edgesync::broken::BrokenTransport);
