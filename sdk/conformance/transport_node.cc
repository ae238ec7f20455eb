#include "transport_node.h"

#include "loaded_plugin.h"
#include "options.h"
#include "transport_environment.h"

namespace edgesync::conformance {

TestNode::TestNode(NodeRole role, NodeKey self, std::filesystem::path folder)
    : role_(role), self_(std::move(self)), folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
}

TestNode::~TestNode() {
    stop();
    release();
}

void TestNode::release() {
    for (const auto& life : lives_) {
        life->host->unblock();
        life->host->release();
    }
}

void TestNode::start() {
    auto life = std::make_unique<Life>(options().is_verbose);
    life->transport = loaded_plugin().create_transport();
    PlainSettings::Values given = environment().settings(role_, self_);
    for (const auto& [key, value] : options().given) given[key] = value;
    life->settings =
        std::make_unique<PlainSettings>(life->transport->declare_settings(), options().settings, role_, Place{folder_, self_}, given);
    HttpMount* const http = role_ == NodeRole::Css ? environment().http() : nullptr;
    life->host = std::make_unique<RecordingHost>(role_, self_, *life->settings, life->log, http);
    life->transport->configure(*life->settings, life->log);
    life->transport->start(*life->host);
    lives_.push_back(std::move(life));
    if (http != nullptr) http->open();
    is_started_ = true;
    is_drained_ = false;
}

void TestNode::drain() {
    if (!is_started_ || is_drained_) return;
    is_drained_ = true;
    host().begin_shutdown();
    transport().drain();
}

void TestNode::stop() {
    if (!is_started_) return;
    drain();
    HttpMount* const http = role_ == NodeRole::Css ? environment().http() : nullptr;
    if (http != nullptr) http->close();
    transport().stop();
    host().close();
    is_started_ = false;
}

std::vector<std::string> TestNode::violations() const {
    std::vector<std::string> all;
    for (const auto& life : lives_) {
        const auto more = life->host->see([](const Seen& seen) { return seen.violations; });
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

}  // namespace edgesync::conformance
