#include "kernel/cluster/change_message.h"

#include <nlohmann/json.hpp>

namespace edgesync::cluster {
namespace {

using Json = nlohmann::json;

/// A fan-out's step wakes some hundred nodes; more than this is not worth listing.
constexpr std::size_t kLargest = 256 * 1024;
constexpr char kAnything[] = "{}";

}  // namespace

std::string change_message(const rules::Effects& effects) {
    if (effects.wake.empty() && effects.acls_of.empty()) return "";
    Json nodes = Json::array();
    for (const NodeKey& node : effects.wake) nodes.push_back({node.org, node.type, node.id});
    std::string message = Json{{"wake", std::move(nodes)}, {"acls", effects.acls_of}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    return message.size() > kLargest ? kAnything : message;
}

std::optional<rules::Effects> effects_of_message(std::string_view message) {
    try {
        const Json json = Json::parse(message);
        rules::Effects effects;
        for (const Json& node : json.at("wake")) effects.wake.push_back({node.at(0), node.at(1), node.at(2)});
        json.at("acls").get_to(effects.acls_of);
        return effects;
    } catch (const Json::exception&) {
        return std::nullopt;
    }
}

}  // namespace edgesync::cluster
