// A node with a line that carries nothing but messages: real store and threads, a line that remembers what it was given.
#pragma once

#include "tests/unit/edge/edge_fixture.h"

namespace edgesync::testing {

class PacketLine : public Transport {
public:
    struct Sent {
        NodeKey peer;
        Message message;
    };
    struct Pushed {
        NodeKey peer;
        DataRequest request;
        std::string octets;
    };

    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {true, false, false, false, largest}; }
    void start(TransportHost&) override {}
    void drain() override {}
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey& peer, const Message& message) override {
        if (on_send) on_send(message);
        const std::lock_guard lock(mutex_);
        sent_.push_back({peer, message});
        return {};
    }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { throw Error(ErrorKind::Unsupported, "it cannot"); }
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) override {
        std::string octets(static_cast<std::size_t>(request.length), '\0');
        if (!octets.empty()) source.read(request.offset, std::as_writable_bytes(std::span(octets)));
        const std::lock_guard lock(mutex_);
        pushed_.push_back({peer, request, octets});
        return {};
    }

    std::vector<Sent> sent() {
        const std::lock_guard lock(mutex_);
        return sent_;
    }
    std::size_t sent_count() { return sent().size(); }
    std::vector<Pushed> pushed() {
        const std::lock_guard lock(mutex_);
        return pushed_;
    }

    std::int64_t largest = 0;
    std::function<void(const Message&)> on_send;

private:
    std::mutex mutex_;
    std::vector<Sent> sent_;
    std::vector<Pushed> pushed_;
};

/// Of a CSS.
class PacketTest : public RuleTest {
protected:
    PacketTest() { io_.start(); }
    void TearDown() override {
        for (const auto& stop : stops_) stop();
        io_.stop();
        workers_.stop();
        std::promise<void> done;
        store_->submit([](WriteTransaction&) {}, [&done](const std::exception_ptr&) { done.set_value(); });
        done.get_future().wait();
    }
    void run(rules::Effects effects) override {
        if (on_effects) on_effects(effects);
    }

    std::function<void(const rules::Effects&)> on_effects;
    std::vector<std::function<void()>> stops_;
    PacketLine line_;
    http::IoContext io_{1};
    ops::WorkerPool workers_;
    node::NodeScheduler scheduler_{io_, workers_, log_};
};

}  // namespace edgesync::testing
