// The store's server goes away at the moment when the node has just begun to serve.
#include <gmock/gmock.h>

#include "kernel/node/node.h"
#include "tests/unit/api/faulty_store.h"
#include "tests/unit/config/given.h"
#include "tests/unit/rules/rule_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

/// Calls `on_start` when the node starts it, which is the last step before the listeners.
class IdleTransport final : public Transport {
public:
    explicit IdleTransport(std::function<void()> on_start) : on_start_(std::move(on_start)) {}
    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {}; }
    void start(TransportHost&) override { on_start_(); }
    void drain() override {}
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey&, const Message&) override { throw Error(ErrorKind::Unsupported, "idle"); }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { throw Error(ErrorKind::Unsupported, "idle"); }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader&, const std::string&) override {
        throw Error(ErrorKind::Unsupported, "idle");
    }

private:
    std::function<void()> on_start_;
};

TEST(StoreAway, ANodeThatJustBeganToServeGoesOn) {
    const config::PrivateFolder folder;
    const std::string root = folder.path().string() + "/";
    const auto configuration = config::validated(R"(
        NodeType ESS
        DestinationType camera
        DestinationID cam1
        OrgID acme
        HTTPCSSHost localhost
        HTTPCSSUseSSL false
        AuthenticationHandler dummy
        ListeningType unix
        ListeningAddress )" + root + "api.sock\nPersistenceRootPath " +
                                                 root + "\n");
    ASSERT_THAT(configuration.problems(), ::testing::IsEmpty());
    fakes::CollectingLog log;
    auto faulty = std::make_unique<api::FaultyStore>(testing::loaded_memory_store());
    auto& store = *faulty;
    store.configure(testing::PlainSettings(NodeRole::Ess, root), log);
    std::vector<LoadedTransport> transports;
    transports.push_back({"idle", std::make_unique<IdleTransport>([&] { store.reads_fail = ErrorKind::NotConnected; }), &log});
    Node node(configuration, log, std::move(faulty), std::move(transports), [] { return std::vector<plugins::PluginState>(); });
    EXPECT_NO_THROW(node.start());
    node.stop({});
    EXPECT_THAT(log.lines, ::testing::Contains("ESS is running"));
}

}  // namespace
}  // namespace edgesync::node
