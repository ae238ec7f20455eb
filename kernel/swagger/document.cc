#include "kernel/swagger/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "edgesync/sdk/error.h"

namespace edgesync::swagger {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kOrgParameter[] = "#/components/parameters/orgID";

bool is_on(const Json& item, const char* role) {
    const auto nodes = item.find("x-nodes");
    return nodes == item.end() || std::find(nodes->begin(), nodes->end(), role) != nodes->end();
}

void drop_org(Json& item) {
    if (!item.contains("parameters")) return;
    Json kept = Json::array();
    for (auto& parameter : item["parameters"]) {
        if (parameter.value("$ref", "") != kOrgParameter) kept.push_back(std::move(parameter));
    }
    item["parameters"] = std::move(kept);
}

Json paths_for(NodeRole role, Json paths) {
    const bool is_ess = role == NodeRole::Ess;
    Json result = Json::object();
    for (auto& [path, item] : paths.items()) {
        if (!is_on(item, is_ess ? "ESS" : "CSS")) continue;
        const std::string served = is_ess ? item.value("x-ess-path", path) : path;
        if (served.find("{orgID}") == std::string::npos) drop_org(item);
        result[served] = std::move(item);
    }
    return result;
}

/// Applies the patches of an ESS and removes all extensions.
void settle(Json& node, NodeRole role) {
    if (node.is_object()) {
        if (const auto patch = node.find("x-on-ess"); patch != node.end() && role == NodeRole::Ess) node.merge_patch(Json(*patch));
        for (auto member = node.begin(); member != node.end();) {
            member = member.key().starts_with("x-") ? node.erase(member) : std::next(member);
        }
    }
    if (!node.is_structured()) return;
    for (auto& child : node) settle(child, role);
}

}  // namespace

std::string document_for(NodeRole role, std::string_view both) {
    try {
        Json document = Json::parse(both.begin(), both.end());
        document["paths"] = paths_for(role, std::move(document["paths"]));
        settle(document, role);
        return document.dump();
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::InvalidRequest, std::string("The API document is not one: ") + error.what());
    }
}

}  // namespace edgesync::swagger
