// From StorageProvider and CommunicationProtocol to the names of plugins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"

namespace edgesync::config {

/// Lower-case letters, digits, '-' and '_', starting with a letter or digit, at most 63: what may follow `store-` or `transport-`.
bool is_plugin_name(std::string_view name);

struct StoreChoice {
    std::optional<std::string> plugin;  ///< "lmdb" for store-lmdb; nullopt: not allowed, `problem` says why.
    std::string problem;
    std::string warning;  ///< Empty: none.
};

/// Any case of letters. Empty is postgres on a CSS and lmdb on an ESS; the Go service's names are mapped to ours.
StoreChoice choose_store(std::string_view provider, NodeRole role);

struct TransportChoice {
    std::vector<std::string> plugins;  ///< In the order of the list, each once.
    std::string problem;               ///< Empty: fine.
};

/// Which combinations a role allows. Elements other than http, mqtt and wiotp name a plugin `transport-X`.
TransportChoice choose_transports(const std::vector<std::string>& protocols, NodeRole role);

}  // namespace edgesync::config
