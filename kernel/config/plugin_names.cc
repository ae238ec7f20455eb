#include "kernel/config/plugin_names.h"

#include <algorithm>

#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

std::string invalid_provider(NodeRole role) {
    return role == NodeRole::Css ? "Invalid StorageProvider, for CSS please specify any of: 'postgres', 'lmdb', or leave as empty string"
                                 : "Invalid StorageProvider, for ESS please specify any of: 'inmemory', 'lmdb', or leave as empty string";
}

StoreChoice refused(std::string problem) { return {std::nullopt, std::move(problem), ""}; }

}  // namespace

bool is_plugin_name(std::string_view name) {
    const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (name.empty() || name.size() > 63 || !is_plain(name.front())) return false;
    return std::all_of(name.begin(), name.end(), [&](char c) { return is_plain(c) || c == '-' || c == '_'; });
}

StoreChoice choose_store(std::string_view provider, NodeRole role) {
    const auto name = lower_case(provider);
    const bool is_css = role == NodeRole::Css;
    if (name.empty()) return {is_css ? "postgres" : "lmdb", "", ""};
    if (name == "mongo") return refused("StorageProvider 'mongo' is not supported, use 'postgres'");
    if (name == "postgres" || name == "postgresql") return is_css ? StoreChoice{"postgres", "", ""} : refused(invalid_provider(role));
    if (name == "bolt") return {"lmdb", "", "StorageProvider bolt means lmdb here; existing Bolt files are not read"};
    if (name == "inmemory" || name == "memory") {
        return {"memory", "", is_css ? "StorageProvider memory on a CSS loses everything at a restart; use it for tests only" : ""};
    }
    if (!is_plugin_name(name)) return refused(invalid_provider(role));
    return {name, "", ""};
}

TransportChoice choose_transports(const std::vector<std::string>& protocols, NodeRole role) {
    constexpr auto kNone = "Invalid communication protocol, please choose either HTTP or MQTT or WIoTP";
    TransportChoice choice;
    for (const auto& protocol : protocols) {
        const auto name = lower_case(protocol);
        if (!is_plugin_name(name)) return {{}, kNone};
        if (std::find(choice.plugins.begin(), choice.plugins.end(), name) == choice.plugins.end()) choice.plugins.push_back(name);
    }
    const auto has = [&](const char* name) {
        return std::find(choice.plugins.begin(), choice.plugins.end(), name) != choice.plugins.end();
    };
    if (choice.plugins.empty()) {
        choice.problem = kNone;
    } else if (role == NodeRole::Ess && choice.plugins.size() > 1) {
        choice.problem = "Invalid communication protocol, please choose one of HTTP, MQTT or WIoTP";
    } else if (role == NodeRole::Css && has("mqtt") && has("wiotp")) {
        choice.problem = "Invalid communication protocol, please choose either MQTT or WIoTP";
    }
    return choice;
}

}  // namespace edgesync::config
