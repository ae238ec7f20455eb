// What all transport tests share: a CSS and an ESS that know each other, messages to send, and failure messages that name the broken rule.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "edgesync/sdk/error.h"
#include "memory_blob.h"
#include "options.h"
#include "samples.h"
#include "test_run.h"
#include "transport_environment.h"
#include "transport_node.h"

namespace edgesync::conformance {

using namespace std::chrono_literals;

/// Appended to an assertion: what transport.h promises and does not hold.
inline std::string broken(const std::string& rule) { return kPromised + rule + "\n"; }

/// A line that carries messages and nothing else: no answers, no data but single chunks.
bool is_packet_line(const TransportTraits& traits);

/// Repeats `is_true` until it is, for at most `limit`.
bool eventually(const std::function<bool()>& is_true, std::chrono::milliseconds limit = usual_wait());

/// The kind of the Error that `call` throws; nullopt: none. Another exception fails the test.
std::optional<ErrorKind> failure_of(const std::function<void()>& call);
/// Whether it is one that the kernel repeats later.
bool is_of_the_line(std::optional<ErrorKind> failure);

std::string text_of(const std::vector<std::byte>& octets);

class TransportTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    const NodeKey kCloud{"org", "Cloud", "Cloud"};
    const NodeKey kNode{"org", "node", "n1"};

    TestNode& css() { return *css_; }
    TestNode& ess() { return *ess_; }
    TransportTraits up() { return ess_->traits(); }
    TransportTraits down() { return css_->traits(); }
    /// Octets of data that one message to the cloud takes; 0: no limit is known.
    std::int64_t largest_up() { return ess_->transport().largest_payload(kCloud); }
    bool is_packets() { return is_packet_line(up()) && is_packet_line(down()); }

    /// Another node, started and registered. Ends with the test.
    TestNode& add_node(const std::string& id);
    /// Registers a node as the kernel does: again and again until it is acknowledged. Fails the test after the usual wait.
    void connect(TestNode& node);

    /// A message about `object_id` with all metadata, as the node or the cloud sends it.
    Message from_node(Command command, const std::string& object_id, const NodeKey& node) const;
    Message from_node(Command command, const std::string& object_id) const { return from_node(command, object_id, kNode); }
    Message from_cloud(Command command, const std::string& object_id) const;

    PeerAnswer send(const Message& message) { return ess_->transport().send(kCloud, message); }
    /// Sends it, or lets the node find it with its next poll.
    void tell(const NodeKey& node, const Message& message);

    /// Whether messages pass in both directions within `limit`; repeats those that get lost.
    bool flows_again(std::chrono::milliseconds limit = 2 * usual_wait());

private:
    /// Waits until all that the node and the cloud have said to each other has arrived.
    void settle(TestNode& node);

    std::filesystem::path folder_;
    std::unique_ptr<TestNode> css_;
    std::unique_ptr<TestNode> ess_;
    std::vector<std::unique_ptr<TestNode>> others_;
    int flows_ = 0;
};

}  // namespace edgesync::conformance
