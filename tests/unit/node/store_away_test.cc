// The store fails at a bad moment: when the node has just begun to serve, while it looks after its transfers, or when it ends.
#include <gmock/gmock.h>

#include <atomic>
#include <mutex>

#include "kernel/node/node.h"
#include "tests/system/sandbox.h"
#include "tests/unit/api/faulty_store.h"
#include "tests/unit/config/given.h"
#include "tests/unit/rules/threads_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

/// Calls `on_start` when the node starts it, which is the last step before the listeners.
class IdleTransport : public Transport {
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

/// A line that carries nothing but messages, and knows whether its instance leads.
class PacketLine final : public IdleTransport {
public:
    explicit PacketLine(std::atomic<int>& leads) : IdleTransport([] {}), leads_(leads) {}
    TransportTraits traits() const noexcept override {
        TransportTraits traits;
        traits.sends_unasked = true;
        return traits;
    }
    void leadership_changed(bool leads) override { leads_ = leads ? 1 : 0; }

private:
    std::atomic<int>& leads_;
};

/// Of several instances, one of which leads.
class SharedStore final : public api::FaultyStore {
public:
    using FaultyStore::FaultyStore;
    StoreTraits traits() const noexcept override {
        StoreTraits traits = FaultyStore::traits();
        traits.is_shared = true;
        return traits;
    }
    void read(const std::function<void(ReadTransaction&)>& f) override {
        if (is_away) throw Error(ErrorKind::NotConnected, "The database is away");
        FaultyStore::read(f);
    }
    std::optional<std::int64_t> lead(const std::string&, std::chrono::seconds) override {
        return leads ? std::optional<std::int64_t>(1) : std::nullopt;
    }

    std::atomic<bool> is_away{false};
    std::atomic<bool> leads{true};
};

/// Accepts all that it is given.
class AgreeableTransport final : public IdleTransport {
public:
    AgreeableTransport() : IdleTransport([] {}) {}
    PeerAnswer send(const NodeKey&, const Message&) override { return {}; }
};

/// Cannot be erased.
class StubbornStore final : public api::FaultyStore {
public:
    explicit StubbornStore(bool& is_closed) : FaultyStore(testing::loaded_memory_store()), is_closed_(is_closed) {}
    void close() noexcept override {
        is_closed_ = true;
        FaultyStore::close();
    }
    void wipe() override { throw Error(ErrorKind::Io, "The disk is gone"); }

private:
    bool& is_closed_;
};

/// Counts what fails on workers.
class CountingLog final : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view text) noexcept override { failures += text.starts_with("Work in the background failed") ? 1 : 0; }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::atomic<int> failures{0};
};

class StoreAway : public ::testing::Test {
protected:
    config::Configuration edge() const {
        return config::validated(
            "NodeType ESS\nDestinationType camera\nDestinationID cam1\nOrgID acme\nHTTPCSSHost localhost\nHTTPCSSUseSSL false\n"
            "AuthenticationHandler dummy\nListeningType unix\nListeningAddress " +
            root_ + "api.sock\nPersistenceRootPath " + root_ + "\n");
    }
    config::Configuration cloud() const {
        return config::validated(
            "NodeType CSS\nCommunicationProtocol http\nAuthenticationHandler dummy\nLeadershipTimeout 6\nResendInterval 1\n"
            "ListeningType unsecure\nListeningAddress 127.0.0.1\nUnsecureListeningPort " +
            std::to_string(system_test::free_port()) + "\nPersistenceRootPath " + root_ + "\n");
    }

    const config::PrivateFolder folder_;
    const std::string root_ = folder_.path().string() + "/";
};

TEST_F(StoreAway, ANodeThatJustBeganToServeGoesOn) {
    const auto settings = edge();
    ASSERT_THAT(settings.problems(), ::testing::IsEmpty());
    fakes::CollectingLog log;
    auto faulty = std::make_unique<api::FaultyStore>(testing::loaded_memory_store());
    auto& store = *faulty;
    store.configure(testing::PlainSettings(NodeRole::Ess, root_), log);
    std::vector<LoadedTransport> transports;
    transports.push_back({"idle", std::make_unique<IdleTransport>([&] { store.reads_fail = ErrorKind::NotConnected; }), &log});
    Node node(settings, log, std::move(faulty), std::move(transports), [] { return std::vector<plugins::PluginState>(); });
    EXPECT_NO_THROW(node.start());
    node.stop({});
    EXPECT_THAT(log.lines, ::testing::Contains("ESS is running"));
}

TEST_F(StoreAway, ALineIsToldOfAnotherLeaderAlsoAfterALookAtTransfersHasFailed) {
    const auto settings = cloud();
    ASSERT_THAT(settings.problems(), ::testing::IsEmpty());
    CountingLog log;
    std::atomic<int> leads{-1};
    auto shared = std::make_unique<SharedStore>(testing::loaded_memory_store());
    auto& store = *shared;
    store.configure(testing::PlainSettings(NodeRole::Css, root_), log);
    std::vector<LoadedTransport> transports;
    transports.push_back({"packets", std::make_unique<PacketLine>(leads), &log});
    Node node(settings, log, std::move(shared), std::move(transports), [] { return std::vector<plugins::PluginState>(); });
    node.start();
    EXPECT_EQ(leads, 1);
    store.is_away = true;
    // One may be of the look for uploads, which comes once a minute.
    EXPECT_TRUE(testing::eventually([&] { return log.failures > 1; }));
    store.is_away = false;
    store.leads = false;
    EXPECT_TRUE(testing::eventually([&] { return leads == 0; }));
    node.stop({});
}

TEST_F(StoreAway, ANodeWhoseStoreCannotBeErasedEndsAllTheSame) {
    const auto settings = edge();
    ASSERT_THAT(settings.problems(), ::testing::IsEmpty());
    fakes::CollectingLog log;
    bool is_closed = false;
    auto stubborn = std::make_unique<StubbornStore>(is_closed);
    stubborn->configure(testing::PlainSettings(NodeRole::Ess, root_), log);
    std::vector<LoadedTransport> transports;
    transports.push_back({"agreeable", std::make_unique<AgreeableTransport>(), &log});
    Node node(settings, log, std::move(stubborn), std::move(transports), [] { return std::vector<plugins::PluginState>(); });
    node.start();
    StopRequest request;
    request.unregisters = true;
    EXPECT_NO_THROW(node.stop(request));
    EXPECT_TRUE(is_closed);
    EXPECT_THAT(log.lines, ::testing::Contains("Unregistered, but the local store could not be erased: The disk is gone"));
    EXPECT_EQ(log.lines.back(), "Stopped");
}

}  // namespace
}  // namespace edgesync::node
