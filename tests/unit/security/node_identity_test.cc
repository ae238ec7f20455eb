#include "kernel/security/node_identity.h"

#include <gtest/gtest.h>

namespace edgesync::security {
namespace {

class FixedAuthenticator : public Authenticator {
public:
    explicit FixedAuthenticator(Identity identity) : identity_(std::move(identity)) {}
    void start() override {}
    Identity authenticate(const HttpRequest&) override { return identity_; }
    std::pair<std::string, std::string> credentials_for_url(const std::string&) override { return {}; }
    bool is_cacheable() const override { return false; }

private:
    Identity identity_;
};

class CameraAcls : public AclLookup {
public:
    std::optional<AclRole> object_role(const AclUser&, const std::string&) const override { return std::nullopt; }
    bool may_address(const AclUser& user, const std::string& type) const override { return user.name == "bob" && type == "camera"; }
};

struct Row {
    const char* name;
    Identity identity;
    std::string header;
    bool is_node;
};

class NodeIdentity : public ::testing::TestWithParam<Row> {};

TEST_P(NodeIdentity, FollowsTheTable) {
    FixedAuthenticator authenticator(GetParam().identity);
    HttpRequest request;
    if (!GetParam().header.empty()) request.headers.push_back({"x-sync-service-dest", GetParam().header});
    const auto node = node_identity(authenticator, request, CameraAcls());
    ASSERT_EQ(node.has_value(), GetParam().is_node);
    if (node) {
        EXPECT_EQ(*node, (NodeKey{"acme", "camera", "cam7"}));
    }
}

constexpr char kHeader[] = "acme/camera/cam7";

INSTANTIATE_TEST_SUITE_P(Rows, NodeIdentity,
                         ::testing::Values(Row{"TheNodeItself", {AuthCode::EdgeNode, "acme", "camera/cam7"}, kHeader, true},
                                           Row{"AnotherNode", {AuthCode::EdgeNode, "acme", "camera/cam8"}, kHeader, false},
                                           Row{"NodeOfAnotherOrg", {AuthCode::EdgeNode, "other", "camera/cam7"}, kHeader, false},
                                           Row{"Admin", {AuthCode::Admin, "acme", "alice"}, kHeader, true},
                                           Row{"AdminOfAnotherOrg", {AuthCode::Admin, "other", "alice"}, kHeader, false},
                                           Row{"ObjectAdmin", {AuthCode::ObjectAdmin, "acme", "alice"}, kHeader, false},
                                           Row{"SyncAdmin", {AuthCode::SyncAdmin, "acme", "root"}, kHeader, false},
                                           Row{"UserWithEntry", {AuthCode::User, "acme", "bob"}, kHeader, true},
                                           Row{"UserWithoutEntry", {AuthCode::User, "acme", "eve"}, kHeader, false},
                                           Row{"UserOfAnotherOrg", {AuthCode::User, "other", "bob"}, kHeader, false},
                                           Row{"NodeUser", {AuthCode::NodeUser, "acme", "bob"}, kHeader, false},
                                           Row{"Service", {AuthCode::Service, "acme", "a/b/c"}, kHeader, false},
                                           Row{"Failed", {}, kHeader, false},
                                           Row{"NoHeader", {AuthCode::Admin, "acme", "alice"}, "", false},
                                           Row{"TwoParts", {AuthCode::Admin, "acme", "alice"}, "acme/camera", false},
                                           Row{"FourParts", {AuthCode::Admin, "acme", "alice"}, "acme/camera/cam7/x", false},
                                           Row{"EmptyPart", {AuthCode::Admin, "acme", "alice"}, "acme//cam7", false}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace edgesync::security
