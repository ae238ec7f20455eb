#include "kernel/security/access.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace edgesync::security {
namespace {

class FakeAcls : public AclLookup {
public:
    std::map<std::string, AclRole> roles;  // "user/name/type"
    std::set<std::string> addressable;     // "user/name/type"

    std::optional<AclRole> object_role(const AclUser& user, const std::string& type) const override {
        const auto found = roles.find(name(user) + type);
        return found == roles.end() ? std::nullopt : std::optional(found->second);
    }
    bool may_address(const AclUser& user, const std::string& type) const override { return addressable.contains(name(user) + type); }

private:
    static std::string name(const AclUser& user) { return (user.type == AclUserType::Node ? "node/" : "user/") + user.name + "/"; }
};

const Identity kSync{AuthCode::SyncAdmin, "", "root"};
Identity acme(AuthCode code, const std::string& user = "bob") { return {code, "acme", user}; }
Identity other(AuthCode code) { return {code, "other", "bob"}; }

struct ReadRow {
    const char* name;
    NodeRole role;
    Identity identity;
    std::string type;
    ReadAccess expected;
};

class ReadDecision : public ::testing::TestWithParam<ReadRow> {};

TEST_P(ReadDecision, FollowsTheTable) {
    FakeAcls acls;
    acls.roles["user/bob/readable"] = AclRole::Reader;
    acls.roles["node/bob/noderead"] = AclRole::Writer;
    const Access access(GetParam().role, acls);
    EXPECT_EQ(access.read(GetParam().identity, "acme", GetParam().type), GetParam().expected);
}

constexpr auto kCss = NodeRole::Css;
constexpr auto kEss = NodeRole::Ess;
constexpr auto kAll = ReadAccess::All;
constexpr auto kPublic = ReadAccess::PublicOnly;
constexpr auto kFailed = ReadAccess::Failed;

INSTANTIATE_TEST_SUITE_P(
    Rows, ReadDecision,
    ::testing::Values(ReadRow{"SyncAdminOnCss", kCss, kSync, "t", kAll}, ReadRow{"SyncAdminOnEss", kEss, kSync, "t", kAll},
                      ReadRow{"FailedOnCss", kCss, {}, "t", kFailed}, ReadRow{"FailedOnEss", kEss, {}, "t", kFailed},
                      ReadRow{"EdgeNodeOnCss", kCss, acme(AuthCode::EdgeNode), "t", kFailed},
                      ReadRow{"EdgeNodeOnEss", kEss, acme(AuthCode::EdgeNode), "t", kFailed},
                      ReadRow{"UserOnEss", kEss, acme(AuthCode::User), "t", kAll},
                      ReadRow{"ForeignAdminOnEss", kEss, other(AuthCode::Admin), "t", kFailed},
                      ReadRow{"AdminOnCss", kCss, acme(AuthCode::Admin), "t", kAll},
                      ReadRow{"ObjectAdminOnCss", kCss, acme(AuthCode::ObjectAdmin), "t", kAll},
                      ReadRow{"ForeignAdminOnCss", kCss, other(AuthCode::Admin), "t", kPublic},
                      ReadRow{"ForeignAdminWithSameNameAsAReader", kCss, other(AuthCode::Admin), "readable", kPublic},
                      ReadRow{"UserWithoutEntry", kCss, acme(AuthCode::User), "t", kPublic},
                      ReadRow{"UserWithEntry", kCss, acme(AuthCode::User), "readable", kAll},
                      ReadRow{"UserMustNotUseANodesEntry", kCss, acme(AuthCode::User), "noderead", kPublic},
                      ReadRow{"NodeUserWithEntry", kCss, acme(AuthCode::NodeUser), "noderead", kAll},
                      ReadRow{"NodeUserWithoutEntry", kCss, acme(AuthCode::NodeUser), "t", kPublic},
                      ReadRow{"NodeUserSeesUpgradeManifests", kCss, acme(AuthCode::NodeUser), "agent_upgrade_manifests", kAll},
                      ReadRow{"ForeignNodeUserDoesNot", kCss, other(AuthCode::NodeUser), "agent_upgrade_manifests", kPublic},
                      ReadRow{"ServiceOnCss", kCss, acme(AuthCode::Service), "t", kFailed}),
    [](const auto& row) { return row.param.name; });

struct WriteRow {
    const char* name;
    NodeRole role;
    Identity identity;
    std::string type;
    std::string destination_type;
    std::vector<std::string> list;
    bool has_policy;
    bool expected;
};

class WriteDecision : public ::testing::TestWithParam<WriteRow> {};

TEST_P(WriteDecision, FollowsTheTable) {
    FakeAcls acls;
    acls.roles["user/bob/w"] = AclRole::Writer;
    acls.roles["user/bob/r"] = AclRole::Reader;
    acls.roles["user/all/w"] = AclRole::Writer;
    acls.addressable = {"user/bob/camera", "user/bob/lamp", "user/all/"};
    const Access access(GetParam().role, acls);
    Metadata meta;
    meta.object_type = GetParam().type;
    meta.destination_type = GetParam().destination_type;
    if (!GetParam().list.empty()) meta.destinations_list = GetParam().list;
    if (GetParam().has_policy) meta.destination_policy.emplace();
    EXPECT_EQ(access.write(GetParam().identity, "acme", meta), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WriteDecision,
    ::testing::Values(WriteRow{"SyncAdmin", kCss, kSync, "t", "", {}, false, true}, WriteRow{"Failed", kEss, {}, "t", "", {}, false, false},
                      WriteRow{"EdgeNodeOnCss", kCss, acme(AuthCode::EdgeNode), "t", "", {}, false, false},
                      WriteRow{"EdgeNodeOnEss", kEss, acme(AuthCode::EdgeNode), "t", "", {}, false, false},
                      WriteRow{"ForeignAdmin", kCss, other(AuthCode::Admin), "t", "", {}, false, false},
                      WriteRow{"ForeignUserOnEss", kEss, other(AuthCode::User), "t", "", {}, false, false},
                      WriteRow{"ServiceOnEss", kEss, acme(AuthCode::Service), "t", "", {}, false, true},
                      WriteRow{"ServiceOnCss", kCss, acme(AuthCode::Service), "w", "camera", {}, false, false},
                      WriteRow{"Admin", kCss, acme(AuthCode::Admin), "agent_upgrade_manifests", "", {}, false, true},
                      WriteRow{"ObjectAdmin", kCss, acme(AuthCode::ObjectAdmin), "t", "", {}, false, true},
                      WriteRow{
                          "ObjectAdminAndManifests", kCss, acme(AuthCode::ObjectAdmin), "agent_upgrade_manifests", "", {}, false, false},
                      WriteRow{"UserWithoutEntry", kCss, acme(AuthCode::User), "t", "camera", {}, false, false},
                      WriteRow{"Reader", kCss, acme(AuthCode::User), "r", "camera", {}, false, false},
                      WriteRow{"WriterToAType", kCss, acme(AuthCode::User), "w", "camera", {}, false, true},
                      WriteRow{"WriterToAForbiddenType", kCss, acme(AuthCode::User), "w", "door", {}, false, false},
                      WriteRow{"WriterToAList", kCss, acme(AuthCode::User), "w", "", {"camera:1", " lamp :2"}, false, true},
                      WriteRow{"WriterToAPartlyForbiddenList", kCss, acme(AuthCode::User), "w", "", {"camera:1", "door:2"}, false, false},
                      WriteRow{"WriterBroadcasts", kCss, acme(AuthCode::User), "w", "", {}, false, false},
                      WriteRow{"WriterMayBroadcast", kCss, acme(AuthCode::User, "all"), "w", "", {}, false, true},
                      WriteRow{"PolicyNeedsNoDestination", kCss, acme(AuthCode::User), "w", "", {}, true, true},
                      WriteRow{"NodeUserWithAUsersEntry", kCss, acme(AuthCode::NodeUser), "w", "camera", {}, false, false}),
    [](const auto& row) { return row.param.name; });

ObjectRecord object_for(const std::string& version_range) {
    ObjectRecord record;
    record.meta.org = "acme";
    record.meta.object_type = "t";
    record.meta.destination_policy.emplace();
    record.meta.destination_policy->services.push_back({"vendor", "*", "viewer", version_range});
    return record;
}

ReadAccess service_access(const ObjectRecord* object, const std::string& service, bool admits_removed = false) {
    const NoAcls acls;
    return Access(kEss, acls).read_object({AuthCode::Service, "acme", service}, "acme", "t", object, admits_removed);
}

TEST(ServiceAccess, NeedsTheObject) { EXPECT_EQ(service_access(nullptr, "vendor/1.0/viewer"), kFailed); }

TEST(ServiceAccess, ComparesOrgNameAndVersionRange) {
    const auto object = object_for("[1.0.0,2.0.0)");
    EXPECT_EQ(service_access(&object, "vendor/1.5.0/viewer"), kAll);
    EXPECT_EQ(service_access(&object, "vendor/2.0.0/viewer"), kFailed);
    EXPECT_EQ(service_access(&object, "else/1.5.0/viewer"), kFailed);
    EXPECT_EQ(service_access(&object, "vendor/1.5.0/else"), kFailed);
    EXPECT_EQ(service_access(&object, "vendor/1.5.0"), kFailed);
}

TEST(ServiceAccess, IsFreeWithoutPolicyOrServices) {
    ObjectRecord object;
    EXPECT_EQ(service_access(&object, "odd"), kAll);
    object.meta.destination_policy.emplace();
    EXPECT_EQ(service_access(&object, "odd"), kAll);
}

TEST(ServiceAccess, FallsBackToPublic) {
    auto object = object_for("[2.0.0,3.0.0)");
    object.meta.is_public = true;
    EXPECT_EQ(service_access(&object, "vendor/1.0.0/viewer"), kPublic);
}

TEST(ServiceAccess, AdmitsRemovedServicesWhereAsked) {
    auto object = object_for("[2.0.0,3.0.0)");
    object.removed_services.push_back({"vendor", "*", "viewer", "[1.0.0,2.0.0)"});
    EXPECT_EQ(service_access(&object, "vendor/1.0.0/viewer"), kFailed);
    EXPECT_EQ(service_access(&object, "vendor/1.0.0/viewer", true), kAll);
}

TEST(ServiceAccess, OtherClassesNeedNoPolicy) {
    const NoAcls acls;
    const auto object = object_for("[2.0.0,3.0.0)");
    EXPECT_EQ(Access(kEss, acls).read_object(acme(AuthCode::User), "acme", "t", &object), kAll);
    EXPECT_EQ(Access(kEss, acls).read_object(acme(AuthCode::User), "acme", "t", nullptr), kAll);
}

}  // namespace
}  // namespace edgesync::security
