#include "kernel/objects/policy_marks.h"

#include "kernel/hooks/hook_list.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using testing::EdgeRuleTest;

PolicyService service(const std::string& name, const std::string& version = "1.0") { return {"so", "*", name, version}; }

std::string names(const std::vector<PolicyService>& services) {
    std::string text;
    for (const auto& service : services) text += (text.empty() ? "" : " ") + service.name + ":" + service.version;
    return text;
}

TEST(RemovedServices, AreThoseThatTheNewPolicyLeavesOut) {
    using Services = std::optional<std::vector<PolicyService>>;
    struct Case {
        std::string what;
        std::vector<PolicyService> before;
        Services old_policy, new_policy;
        std::string removed;
    };
    const std::vector<Case> cases = {
        {"one goes", {}, Services({service("a"), service("b")}), Services({service("b")}), "a:1.0"},
        {"another version", {}, Services({service("a")}), Services({service("a", "2.0")}), "a:1.0"},
        {"nothing goes", {}, Services({service("a")}), Services({service("b"), service("a")}), ""},
        {"earlier ones stay", {service("x")}, Services({service("a")}), Services({service("b")}), "x:1.0 a:1.0"},
        {"no service twice", {service("a")}, Services({service("a")}), Services({service("b")}), "a:1.0"},
        {"one comes back", {service("a"), service("x")}, Services({service("b")}), Services({service("a"), service("b")}), "x:1.0"},
        {"for everybody again", {service("x")}, Services({service("a")}), Services(std::vector<PolicyService>{}), ""},
        {"no policy any more", {service("x")}, Services({service("a")}), std::nullopt, ""},
        {"no policy before", {}, std::nullopt, Services({service("a")}), ""},
        {"was for everybody", {}, Services(std::vector<PolicyService>{}), Services({service("a")}), ""},
    };
    for (const auto& part : cases) {
        ObjectRecord old;
        old.removed_services = part.before;
        if (part.old_policy) old.meta.destination_policy = DestinationPolicy{{}, {}, *part.old_policy, 0};
        Metadata meta;
        if (part.new_policy) meta.destination_policy = DestinationPolicy{{}, {}, *part.new_policy, 0};
        EXPECT_EQ(names(objects::removed_by_update(old, meta)), part.removed) << part.what;
    }
}

class EdgeUpdates : public EdgeRuleTest {
protected:
    Metadata announced(InstanceId instance, const std::vector<PolicyService>& services = {}) {
        Metadata meta = metadata("m1");
        meta.instance_id = instance;
        meta.no_data = true;
        if (!services.empty()) meta.destination_policy = DestinationPolicy{{}, {}, services, 0};
        return meta;
    }
    void add_hook() {
        in_transaction([](WriteTransaction& txn, rules::Effects&) { hooks::register_hook(txn, "acme", "model", "http://a/"); });
    }
};

TEST_F(EdgeUpdates, KeepTheRemovedServicesUntilTheyConfirm) {
    receive(context_.cloud(), Command::Update, announced(1, {service("a"), service("b")}));
    receive(context_.cloud(), Command::Update, announced(2, {service("b")}));
    EXPECT_EQ(names(object("m1")->removed_services), "a:1.0");
    receive(context_.cloud(), Command::Update, announced(3, {service("c")}));
    EXPECT_EQ(names(object("m1")->removed_services), "a:1.0 b:1.0");
    in_transaction([&](WriteTransaction& txn, rules::Effects&) {
        const auto record = *txn.object({"acme", "model", "m1"});
        objects::confirm_removal(txn, record, &record.removed_services.front());
    });
    EXPECT_EQ(names(object("m1")->removed_services), "b:1.0");
}

TEST_F(EdgeUpdates, CallWebhooksOnlyWhereThereAreSome) {
    receive(context_.cloud(), Command::Update, announced(1));
    EXPECT_TRUE(effects_.arrived.empty());
    add_hook();
    receive(context_.cloud(), Command::Update, announced(2));
    EXPECT_EQ(effects_.arrived, (std::vector<ObjectKey>{{"acme", "model", "m1"}}));
    context_.hooks_on_no_data = false;
    receive(context_.cloud(), Command::Update, announced(3));
    EXPECT_TRUE(effects_.arrived.empty());
    Metadata with_data = announced(4);
    with_data.no_data = false;
    with_data.object_size = 1;
    receive(context_.cloud(), Command::Update, with_data);
    EXPECT_TRUE(effects_.arrived.empty()) << "the data is still to come";
    complete("m1", 4, "x");
    EXPECT_EQ(effects_.arrived, (std::vector<ObjectKey>{{"acme", "model", "m1"}}));
}

}  // namespace
}  // namespace edgesync
