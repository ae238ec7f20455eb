// The parts of an ESS that talk to the CSS, on a real store and real threads, with a transport whose answers the test gives.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "edgesync/sdk/error.h"
#include "kernel/data/fetcher.h"
#include "kernel/delivery/line.h"
#include "kernel/delivery/outbox.h"
#include "kernel/delivery/registration_client.h"
#include "tests/unit/rules/threads_fixture.h"

namespace edgesync::testing {

/// Does what the test says; remembers what it was asked for.
class ScriptedTransport : public Transport {
public:
    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {true, is_answered, true, true, 0}; }
    void start(TransportHost&) override {}
    void drain() override {}
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey&, const Message& message) override {
        {
            const std::lock_guard lock(mutex_);
            sent_.push_back(message);
        }
        return on_send(message);
    }
    PeerAnswer fetch(const NodeKey&, const DataRequest& request, DataSink& sink) override {
        {
            const std::lock_guard lock(mutex_);
            fetched_.push_back(request);
        }
        return on_fetch(request, sink);
    }
    PeerAnswer push(const NodeKey&, const DataRequest& request, BlobReader&, const std::string&) override {
        {
            const std::lock_guard lock(mutex_);
            pushed_.push_back(request);
        }
        return on_push(request);
    }

    std::vector<Message> sent(Command command) {
        const std::lock_guard lock(mutex_);
        std::vector<Message> found;
        for (const auto& message : sent_) {
            if (message.command == command) found.push_back(message);
        }
        return found;
    }
    std::vector<DataRequest> fetched() {
        const std::lock_guard lock(mutex_);
        return fetched_;
    }
    std::vector<DataRequest> pushed() {
        const std::lock_guard lock(mutex_);
        return pushed_;
    }

    bool is_answered = true;  ///< False: as over MQTT; set before anything is sent.
    std::function<PeerAnswer(const Message&)> on_send = [](const Message&) { return PeerAnswer{}; };
    std::function<PeerAnswer(const DataRequest&, DataSink&)> on_fetch = give_octets;
    std::function<PeerAnswer(const DataRequest&)> on_push = [](const DataRequest&) { return PeerAnswer{}; };

    /// As many octets as were asked for; each says the version.
    static PeerAnswer give_octets(const DataRequest& request, DataSink& sink) {
        const std::int64_t length = request.length > 0 ? request.length : request.total;
        const std::string octets(static_cast<std::size_t>(length), static_cast<char>('0' + request.instance_id % 10));
        if (sink.begin(false, length, "")) sink.write(std::as_bytes(std::span(octets)));
        return {};
    }

private:
    std::mutex mutex_;
    std::vector<Message> sent_;
    std::vector<DataRequest> fetched_;
    std::vector<DataRequest> pushed_;
};

class EdgeTest : public ThreadsTest {
protected:
    EdgeTest() : ThreadsTest(NodeRole::Ess) {}

    Metadata announced(InstanceId instance, std::int64_t size) {
        Metadata meta = metadata("m1");
        meta.instance_id = instance;
        meta.data_id = instance;
        meta.object_size = size;
        meta.origin_type = "Cloud";
        meta.origin_id = "Cloud";
        return meta;
    }

    ScriptedTransport transport_;
    /// Once down it is so until the test restores it.
    delivery::Line line_{scheduler_, std::chrono::hours(1), [] {}};
};

}  // namespace edgesync::testing
