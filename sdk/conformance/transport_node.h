// One side of the line under test: the plugin in one role, with a host of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "plain_settings.h"
#include "recording_host.h"

namespace edgesync::conformance {

/// Starts, stops and starts again as the service does, which never loads a plugin twice: each life has a transport and a host of its own,
/// and those of past lives stay until the end, because a kernel may give a verdict late.
class TestNode {
public:
    TestNode(NodeRole role, NodeKey self, std::filesystem::path folder);
    ~TestNode();
    TestNode(const TestNode&) = delete;
    TestNode& operator=(const TestNode&) = delete;

    void start();
    /// What the service does first when it stops.
    void drain();
    /// With `drain` before, if it was not called.
    void stop();
    /// Gives all verdicts that hosts keep, and lets them take messages again.
    void release();

    Transport& transport() { return *lives_.back()->transport; }
    RecordingHost& host() { return *lives_.back()->host; }
    TransportTraits traits() { return transport().traits(); }
    const NodeKey& self() const { return self_; }

    /// Of all lives: calls that transport.h does not allow.
    std::vector<std::string> violations() const;

private:
    struct Life {
        explicit Life(bool is_verbose) : log(is_verbose) {}
        PlainLog log;
        std::unique_ptr<PlainSettings> settings;
        std::unique_ptr<RecordingHost> host;
        std::unique_ptr<Transport> transport;  ///< Destroyed first.
    };

    const NodeRole role_;
    const NodeKey self_;
    const std::filesystem::path folder_;
    std::vector<std::unique_ptr<Life>> lives_;
    bool is_started_ = false;
    bool is_drained_ = false;
};

}  // namespace edgesync::conformance
