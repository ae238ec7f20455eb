// A node with a line that carries nothing but messages: real store and threads, a line that remembers what it was given.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "edgesync/sdk/error.h"
#include "tests/unit/rules/threads_fixture.h"

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
        {
            const std::lock_guard lock(mutex_);
            pushed_.push_back({peer, request, octets});
        }
        if (on_push) on_push(request);
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
    std::function<void(const DataRequest&)> on_push;

private:
    std::mutex mutex_;
    std::vector<Sent> sent_;
    std::vector<Pushed> pushed_;
};

class PacketTest : public ThreadsTest {
protected:
    explicit PacketTest(NodeRole role = NodeRole::Css) : ThreadsTest(role) {}

    PacketLine line_;
};

}  // namespace edgesync::testing
