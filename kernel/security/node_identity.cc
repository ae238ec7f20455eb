#include "kernel/security/node_identity.h"

namespace edgesync::security {
namespace {

std::optional<NodeKey> node_of_header(std::string_view field) {
    const auto first = field.find('/');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = field.find('/', first + 1);
    if (second == std::string_view::npos || field.find('/', second + 1) != std::string_view::npos) return std::nullopt;
    NodeKey node{std::string(field.substr(0, first)), std::string(field.substr(first + 1, second - first - 1)),
                 std::string(field.substr(second + 1))};
    if (node.org.empty() || node.type.empty() || node.id.empty()) return std::nullopt;
    return node;
}

}  // namespace

std::optional<NodeKey> node_identity(Authenticator& authenticator, const HttpRequest& request, const AclLookup& acls) {
    auto node = node_of_header(request.header(kDestinationHeader));
    if (!node) return std::nullopt;
    const Identity identity = authenticator.authenticate(request);
    if (identity.org != node->org) return std::nullopt;
    switch (identity.code) {
        case AuthCode::EdgeNode: return identity.user_id == node->type + "/" + node->id ? node : std::nullopt;
        case AuthCode::Admin: return node;
        case AuthCode::User: {
            // The list of the destination type counts whatever the entry's user type is.
            for (const auto type : {AclUserType::User, AclUserType::Node}) {
                if (acls.may_address({identity.org, type, identity.user_id}, node->type)) return node;
            }
            return std::nullopt;
        }
        default: return std::nullopt;
    }
}

}  // namespace edgesync::security
