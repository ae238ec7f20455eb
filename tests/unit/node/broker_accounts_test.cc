#include "kernel/node/broker_accounts.h"

#include <gmock/gmock.h>

#include "kernel/addressing/organization_record.h"
#include "tests/unit/rules/rule_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

class BrokerAccounts : public testing::RuleTest {};

TEST_F(BrokerAccounts, OneThatCannotBeReadKeepsNoOtherOrganizationFromItsBroker) {
    in_transaction([](WriteTransaction& txn, rules::Effects&) {
        txn.put_entry(EntryTable::Organization, {"acme"}, addressing::encode({"tcp://a:1883", "anna", "apple"}));
        txn.put_entry(EntryTable::Organization, {"broken"}, "no record");
        txn.put_entry(EntryTable::Organization, {"zeta"}, addressing::encode({"tcp://z:1883", "zoe", "zucchini"}));
    });
    fakes::CollectingLog log;
    const auto accounts = read_broker_accounts(*store_, security::OrgSecrets(*settings_, log), log);
    ASSERT_EQ(accounts.size(), 2U);
    EXPECT_EQ(accounts[0].org, "acme");
    EXPECT_EQ(accounts[1].org, "zeta");
    EXPECT_EQ(accounts[1].address, "tcp://z:1883");
    EXPECT_EQ(accounts[1].user, "zoe");
    EXPECT_EQ(accounts[1].password, "zucchini");
    EXPECT_THAT(log.lines, ::testing::Contains(::testing::StartsWith("Organization broken has no broker: ")));
}

}  // namespace
}  // namespace edgesync::node
