// edgesync-nats-conformance: the kit for the example transport-nats, with a proxy before the server that cuts the line, and with octets of
// hostile clients.
#include <memory>

#include "edgesync/sdk/codec.h"
#include "plugin_test.h"
#include "tests/examples/nats_server.h"
#include "tests/system/proxy.h"
#include "transport_environment.h"

namespace edgesync::conformance {
namespace {

class NatsEnvironment : public TransportEnvironment, private LineFaults, private PacketInjector {
public:
    explicit NatsEnvironment(int port) : port_(port) {}

    void begin(const std::filesystem::path&) override { proxy_ = std::make_unique<system_test::Proxy>(port_); }
    void end() override { proxy_.reset(); }
    PlainSettings::Values settings(NodeRole, const NodeKey& self) override {
        return {{"NATSAddress", "127.0.0.1:" + std::to_string(proxy_->port())},
                {"NATSUseTLS", "false"},
                {"AllowPrivateIPs", "true"},
                {"OrgID", self.org}};
    }
    LineFaults* faults() override { return this; }
    PacketInjector* injector() override { return this; }
    std::chrono::seconds longest_call() const override { return std::chrono::seconds(15); }
    bool carries_all_metadata() const override { return true; }

private:
    void cut() override { proxy_->cut(); }
    void restore() override {
        proxy_->thaw();
        proxy_->restore();
    }
    bool silence() override {
        proxy_->freeze();
        return true;
    }
    void to_css(const NodeKey& node, const std::string& payload) override { publish("up", node, payload); }
    void to_ess(const NodeKey& node, const std::string& payload) override { publish("down", node, payload); }
    void publish(const std::string& direction, const NodeKey& node, const std::string& payload) {
        const std::string kind = codec::is_data_message(payload) ? "data" : "command";
        system_test::publish_on_nats(port_, "edgesync." + direction + "." + kind + "." + node.org + "." + node.type + "." + node.id,
                                     payload);
    }

    const int port_;
    std::unique_ptr<system_test::Proxy> proxy_;
};

}  // namespace
}  // namespace edgesync::conformance

int main(int argc, char** argv) {
    if (!edgesync::system_test::NatsServer::is_installed()) return 77;
    edgesync::system_test::NatsServer server;
    server.start();
    edgesync::conformance::NatsEnvironment environment(server.port());
    return edgesync::conformance::run_plugin_test(argc, argv, environment);
}
